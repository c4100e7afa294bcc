"""Storage accounts: recorded, because templates of virtual machines reference them."""

from lazulite.services.service import Service
from lazulite.services.storage.actions import check_name, list_account_sas, list_keys, list_service_sas
from lazulite.services.storage.model import KINDS, StorageAccount
from lazulite.services.storage.status import account_status
from lazulite.services.storage.validate import validate

SERVICE = Service(
    name="storage",
    kinds=KINDS,
    validate=validate,
    status={StorageAccount: account_status},
    actions={
        "microsoft.storage/storageaccounts/listkeys": list_keys,
        "microsoft.storage/storageaccounts/listaccountsas": list_account_sas,
        "microsoft.storage/storageaccounts/listservicesas": list_service_sas,
    },
    collection_actions={"Microsoft.Storage/checkNameAvailability": check_name},
)
