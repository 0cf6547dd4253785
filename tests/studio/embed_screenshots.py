"""Makes docs/screenshots/embed-*.png, by hand.

`.venv/bin/python -m tests.studio.embed_screenshots [FOLDER]`

A town's site that somebody made up, with an assistant of a platform that is thrown away; the
stand-in answers.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.platform import run_platform
from tests.processes import run_standin
from tests.studio.flows import HERE
from tests.studio.test_embed_flow import CONFIGURATION, Site, made_embeds, site
from tests.test_sign_in_flow import Browser
from tramontane.providers.standin import Behaviour, StandinOptions

ANSWER = """Votre **foyer**, ce sont les personnes qui vivent avec vous et partagent les dépenses.

Comptez :

1. vous-même et votre conjoint ou partenaire,
2. vos enfants à charge, même en garde partagée,
3. toute autre personne que vous hébergez durablement.

Ne comptez pas un colocataire qui paie sa part de loyer. Les règles varient selon l'aide \
demandée : le service social de la commune vous dira laquelle s'applique."""
PAGE = """<!doctype html><html lang="fr"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Commune de Valmont</title>
<link rel="icon" href="data:,"><style>
:root {{ color-scheme: light dark }}
body {{ margin: 0; font: 17px/1.55 Georgia, serif; background: light-dark(#fff, #12161a) }}
header {{ padding: 18px 40px; background: #23483b; color: #fff; font-size: 22px }}
main {{ max-width: 560px; padding: 24px 40px }} h1 {{ line-height: 1.2 }}
@media (max-width: 480px) {{ header, main {{ padding-inline: 20px }} }}
</style><header>Commune de Valmont</header><main><h1>Demander une aide au logement</h1>
<p>L'aide dépend de la taille de votre foyer, de ses revenus et de votre loyer. Le formulaire se
remplit en ligne ou au guichet de l'Hôtel de ville, du lundi au vendredi de 9 h à 12 h.</p>
<p>Préparez votre bail, votre dernier avis d'imposition et une pièce d'identité pour chaque personne
du foyer. Nous vous répondons dans un délai de trente jours.</p></main>
<script src="{platform}/embed.js" data-embed="{embed}" data-label="Poser une question"
async></script>
</html>"""


def main(folder: Path) -> None:
    """Write the pictures into `folder`."""
    browser, node = shutil.which("chromium"), shutil.which("node")
    assert browser and node, "there must be a Chromium and a Node on the PATH"
    options = StandinOptions(behaviour=Behaviour(answer=ANSWER, tps=500))
    with tempfile.TemporaryDirectory() as scratch, run_standin(options) as standin:
        file = Path(scratch, "tramontane.toml")
        file.write_text(CONFIGURATION.format(standin=standin.url))
        with (
            run_platform(Path(scratch, "data"), "--config", str(file)) as platform,
            site(Town) as origin,
        ):
            embeds = made_embeds(Browser(platform), [origin], "Aide aux formulaires")
            Town.text = PAGE.format(platform=platform.address, embed=embeds["good"])
            given: dict[str, Any] = {"browser": browser, "site": origin, "folder": str(folder)}
            line = json.dumps(given).encode() + b"\n"
            subprocess.run([node, str(HERE / "embed_screenshots.mjs")], input=line, check=True)


class Town(Site):
    """A town's site."""

    text = ""

    def page(self, query: dict[str, str]) -> str:
        """Return its one page."""
        return self.text


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/screenshots"))
