"""What generates documents from the code, so that they cannot say anything else."""
