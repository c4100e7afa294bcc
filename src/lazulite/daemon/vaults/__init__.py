"""The data plane of key vaults: secrets and certificates at ``https://NAME.vault.azure.net``."""

from lazulite.daemon.vaults.requests import Vaults

__all__ = ["Vaults"]
