# SPDX-License-Identifier: Apache-2.0
"""Who is who: the neighbour table, and a list of people that changes under way."""
import os

from case import GatewayCase
from gateway import ALLOWED
from netns import wait_for


class Identity(GatewayCase):
    def principal(self):
        answer = self.lab.curl(ALLOWED)
        self.assertEqual(answer.status, 200, answer)
        return self.weir.ledger.flow(answer.port)["principal"]

    def test_a_neighbour_then_a_user_then_a_broken_file(self):
        # The table is looked at every 5 s: until then the address stands for the machine.
        wait_for(lambda: len(self.principal().split(":")) == 6, 15, "the neighbour is known")
        mac = self.principal()
        self.assertRegex(mac, r"^([0-9a-f]{2}:){5}[0-9a-f]{2}$")
        people = os.path.join(self.weir.folder, "people.csv")
        with open(people, "w", encoding="utf-8") as f:
            f.write(f"mac,user\n{mac},nina\n")
        with open(self.weir.conf, "a", encoding="ascii") as f:
            f.write('identity = { people = "people.csv"; };\n')
        self.weir.ctl("reload")
        wait_for(lambda: self.principal() == "nina", 15, "the list of people is read")
        with open(people, "w", encoding="utf-8") as f:
            f.write("mac,user\nnobody\n")
        wait_for(lambda: self.weir.status()["identity"]["files_refused"] == 1, 15, "it is refused")
        self.assertEqual(self.principal(), "nina")
        self.weir.ledger.wait(type="system", what="identity_refused")
