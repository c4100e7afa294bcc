"""Ratios against named peers, measured side by side in one run: ``script/bench``; and the long churn: ``script/soak``.

Machines are noisy, so ours and the peer take turns, medians are compared, and no figure is ever a test's assertion.
"""
