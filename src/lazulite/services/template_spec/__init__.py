"""Template specs: templates kept in the lab, in versions, for deployments to link to."""

from lazulite.services.service import Service
from lazulite.services.template_spec.model import KINDS
from lazulite.services.template_spec.validate import validate

SERVICE = Service(name="template_spec", kinds=KINDS, validate=validate)
