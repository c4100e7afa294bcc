"""The table of services: a room each, a row each."""

from lazulite.services.application_gateway import SERVICE as APPLICATION_GATEWAY
from lazulite.services.compute import SERVICE as COMPUTE
from lazulite.services.connection_monitor import SERVICE as CONNECTION_MONITOR
from lazulite.services.dns import SERVICE as DNS
from lazulite.services.dns_resolver import SERVICE as DNS_RESOLVER
from lazulite.services.flow_log import SERVICE as FLOW_LOG
from lazulite.services.key_vault import SERVICE as KEY_VAULT
from lazulite.services.lab import SERVICE as LAB
from lazulite.services.load_balancer import SERVICE as LOAD_BALANCER
from lazulite.services.managed_identity import SERVICE as MANAGED_IDENTITY
from lazulite.services.nat_gateway import SERVICE as NAT_GATEWAY
from lazulite.services.network_security_group import SERVICE as NETWORK_SECURITY_GROUP
from lazulite.services.network_watcher import SERVICE as NETWORK_WATCHER
from lazulite.services.packet_capture import SERVICE as PACKET_CAPTURE
from lazulite.services.private_dns import SERVICE as PRIVATE_DNS
from lazulite.services.public_ip_address import SERVICE as PUBLIC_IP_ADDRESS
from lazulite.services.route_table import SERVICE as ROUTE_TABLE
from lazulite.services.scale_set import SERVICE as SCALE_SET
from lazulite.services.service import Service
from lazulite.services.storage import SERVICE as STORAGE
from lazulite.services.template_spec import SERVICE as TEMPLATE_SPEC
from lazulite.services.traffic_manager import SERVICE as TRAFFIC_MANAGER
from lazulite.services.virtual_network import SERVICE as VIRTUAL_NETWORK
from lazulite.services.virtual_network_tap import SERVICE as VIRTUAL_NETWORK_TAP
from lazulite.services.web_application_firewall import SERVICE as WEB_APPLICATION_FIREWALL

SERVICES: tuple[Service, ...] = (
    VIRTUAL_NETWORK,
    ROUTE_TABLE,
    PUBLIC_IP_ADDRESS,
    NAT_GATEWAY,
    LOAD_BALANCER,
    NETWORK_SECURITY_GROUP,
    COMPUTE,
    SCALE_SET,
    STORAGE,
    MANAGED_IDENTITY,
    KEY_VAULT,
    TEMPLATE_SPEC,
    LAB,
    DNS,
    PRIVATE_DNS,
    DNS_RESOLVER,
    TRAFFIC_MANAGER,
    VIRTUAL_NETWORK_TAP,
    WEB_APPLICATION_FIREWALL,
    APPLICATION_GATEWAY,
    NETWORK_WATCHER,
    FLOW_LOG,
    PACKET_CAPTURE,
    CONNECTION_MONITOR,
)
