"""Storage accounts: recorded, because templates of virtual machines reference them."""

from lazulite.services.service import Service
from lazulite.services.storage.actions import check_name, list_keys
from lazulite.services.storage.model import KINDS, StorageAccount
from lazulite.services.storage.status import account_status
from lazulite.services.storage.validate import validate

SERVICE = Service(
    name="storage",
    kinds=KINDS,
    validate=validate,
    status={StorageAccount: account_status},
    actions={"microsoft.storage/storageaccounts/listkeys": list_keys},
    collection_actions={"Microsoft.Storage/checkNameAvailability": check_name},
)
