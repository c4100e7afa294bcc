"""Key vaults: secrets and certificates, and who may read them."""

from lazulite.services.key_vault import actions, assign, compile, status, validate
from lazulite.services.key_vault.model import KINDS, Secret, Vault
from lazulite.services.service import Service

SERVICE = Service(
    "key_vault",
    KINDS,
    assign=assign.assign,
    validate=validate.validate,
    compile={Vault: compile.vault},
    status={Vault: status.vault, Secret: status.secret},
    template_actions={"microsoft.keyvault/vaults/deploy": actions.deploy},
    collection_actions={
        "Microsoft.KeyVault/checkNameAvailability": actions.check_name,
        "Microsoft.KeyVault/deletedVaults": actions.deleted,
        "Microsoft.KeyVault/deletedManagedHSMs": actions.deleted,
    },
)
