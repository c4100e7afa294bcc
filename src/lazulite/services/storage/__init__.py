"""Storage accounts: blobs, queues and tables that answer inside the network."""

from lazulite.services.service import Service
from lazulite.services.storage.actions import check_name, list_account_sas, list_keys, list_service_sas, regenerate_key
from lazulite.services.storage.compile import account
from lazulite.services.storage.keys import assign
from lazulite.services.storage.model import KINDS, StorageAccount
from lazulite.services.storage.status import account_status
from lazulite.services.storage.validate import validate

SERVICE = Service(
    name="storage",
    kinds=KINDS,
    assign=assign,
    validate=validate,
    compile={StorageAccount: account},
    status={StorageAccount: account_status},
    actions={
        "microsoft.storage/storageaccounts/listkeys": list_keys,
        "microsoft.storage/storageaccounts/regeneratekey": regenerate_key,
        "microsoft.storage/storageaccounts/listaccountsas": list_account_sas,
        "microsoft.storage/storageaccounts/listservicesas": list_service_sas,
    },
    collection_actions={"Microsoft.Storage/checkNameAvailability": check_name},
)
