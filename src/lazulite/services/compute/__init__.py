"""Virtual machines: what sends and receives the packets."""

from lazulite.services.compute import actions, catalogue
from lazulite.services.compute.assign import assign
from lazulite.services.compute.compile import guest, script
from lazulite.services.compute.model import KINDS, AvailabilitySet, Disk, Extension, VirtualMachine
from lazulite.services.compute.status import availability_set_status, disk_status, extension_status, machine_status
from lazulite.services.compute.validate import validate
from lazulite.services.service import Service

_MACHINE = "microsoft.compute/virtualmachines"
_INSTANCE = "microsoft.compute/virtualmachinescalesets/virtualmachines"
_REGION = "Microsoft.Compute/locations/{location}"
_EXTENSIONS = f"{_REGION}/publishers/{{publisher}}/artifacttypes/vmextension/types"
_IMAGES = f"{_REGION}/publishers/{{publisher}}/artifacttypes/vmimage/offers/{{offer}}/skus/{{sku}}/versions"

SERVICE = Service(
    name="compute",
    kinds=KINDS,
    assign=assign,
    validate=validate,
    compile={VirtualMachine: guest, Extension: script},
    status={
        VirtualMachine: machine_status,
        Extension: extension_status,
        AvailabilitySet: availability_set_status,
        Disk: disk_status,
    },
    actions={
        f"{_MACHINE}/start": actions.start,
        f"{_MACHINE}/poweroff": actions.power_off,
        f"{_MACHINE}/deallocate": actions.deallocate,
        f"{_MACHINE}/restart": actions.restart,
        f"{_MACHINE}/redeploy": actions.restart,
        f"{_MACHINE}/runcommand": actions.run_command,
        f"{_MACHINE}/instanceview": actions.instance_view,
        f"{_INSTANCE}/runcommand": actions.run_command,
        f"{_INSTANCE}/instanceview": actions.instance_view,
    },
    collection_actions={
        f"{_REGION}/vmSizes": catalogue.sizes,
        f"{_REGION}/usages": catalogue.usages,
        "Microsoft.Compute/skus": catalogue.skus,
        f"{_REGION}/publishers": catalogue.publishers,
        _EXTENSIONS: catalogue.extension_types,
        f"{_EXTENSIONS}/{{type}}/versions": catalogue.extension_versions,
        _IMAGES: catalogue.image_versions,
        f"{_IMAGES}/{{version}}": catalogue.image,
    },
)
