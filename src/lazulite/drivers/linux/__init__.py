"""The Linux driver: namespaces, veth links, routes by mark, and nftables; see the README beside this file."""

from lazulite.drivers.linux.driver import LinuxDriver

__all__ = ["LinuxDriver"]
