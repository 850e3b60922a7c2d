"""Acme's checks keep the contract; this is all the test code they need."""

import acme_checks

from trainwright.core.catalogue import Catalogue, checks_in
from trainwright.testing.contracts import CheckContract


class TestAcmeChecks(CheckContract):
    catalogue = Catalogue(checks_in(acme_checks))
