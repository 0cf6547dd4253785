"""Words that say little about what a text is about, in five languages, without accents.

Articles, prepositions, pronouns, conjunctions, the verbs to be, to have and to do, question words,
and what elision leaves behind (l', d', 't). It does not know what is then done with them.
"""

from collections.abc import Mapping
from types import MappingProxyType

_EN = """
a about after again all also although am among an and any are as at b be because been before being
between both but by c can could couldn d did didn do does doesn doing don done down during e each
either else ever every few for from further g get gets give given go had hadn has hasn have having
he her here hers herself him himself his how however i if in into is isn it its itself just l let ll
m may me might mine more most much must my myself n neither no nor not now o of off often on once
one only or other others our ours ourselves out over own p please quite r rather re s same shall she
should shouldn since so some such t than that the their theirs them themselves then there these they
thing things this those though through thus to together too toward towards under until up upon us
use used v ve very via was wasn we well were weren what whatever when where whether which while who
whom whose why will with within without won would wouldn yet you your yours yourself yourselves
"""
_FR = """
a afin ai ainsi alors apres as au aucun aucune auquel aura aurait aussi autre autres aux avaient
avait avant avec avez avoir avons c ca car ce ceci cela celle celles celui cependant certain
certaine certaines certains ces cet cette ceux chacun chaque chez ci combien comme comment d dans de
dela depuis des desquelles desquels donc dont du duquel e elle elles en encore enfin entre es est et
etaient etait etant ete etes etre eu eux faire fait fois font furent fut hors i il ils j je jusqu
jusque l la laquelle le lequel les lesquelles lesquels leur leurs lors lorsqu lorsque lui m ma mais
me meme memes mes moi moins mon n ne neanmoins ni non nos notre nous o on ont ou p par parce parmi
pas pendant peu peut peuvent plupart plus plusieurs plutot pour pourquoi puis puisqu puisque qu
quand que quel quelle quelles quelqu quelque quelques quels qui quoi s sa sans se selon sera serait
ses seulement si sien sinon soi soit son sont sous souvent sur t ta tandis te tel telle telles tels
tes toi ton toujours tous tout toute toutes tres trop tu un une vers via voici voila vos votre vous
vu y
"""
_DE = """
a ab aber alle allem allen aller alles als also am an ander andere anderem anderen anderer anderes
auch auf aus bei beim bereits bevor bin bis bist c d da dabei dadurch dafur dagegen daher damit
danach dann daran darauf daraus darin daruber darum das dass davon davor dazu dein deine dem den
denen denn dennoch der deren des desen dessen die dies diese dieselbe diesem diesen dieser dieses
doch dort du durch e ein eine einem einen einer eines einige einigem einigen einiger einiges einmal
er erst es etwa etwas euch euer f fur ganz gegen gewesen gibt hab habe haben hat hatte hatten hier
hin hinter i ich ihm ihn ihnen ihr ihre ihrem ihren ihrer ihres im immer in indem ins ist ja je jede
jedem jeden jeder jedes jedoch jene jenem jenen jener jenes jetzt kann kein keine keinem keinen
keiner keines konnen konnte konnten l m man manche manchem manchen mancher manches mehr mein meine
meinem meinen meiner meist mich mir mit muss mussen musste n nach nachdem neben nicht nichts noch
nun nur o ob obwohl oder ohne s sehr sei sein seine seinem seinen seiner seines seit selbst sich sie
sind so sobald solch solche solchem solchen solcher soll sollen sollte sondern sonst sowie sowohl t
u uber um und uns unser unsere unter v viel vom von vor wahrend wann war waren warum was wegen weil
weiter welche welchem welchen welcher welches wem wen wenn wer werde werden weshalb wessen wie
wieder wieso wieviel wieviele will wir wird wo wobei wodurch wofur woher wohin womit woran worauf
woraus worden worin woruber wovon wozu wurde wurden z zu zum zur zwar zwischen
"""
_ES = """
a al algo alguien algun alguna algunas alguno algunos alli ambos ante antes aquel aquella aquellas
aquello aquellos aqui asi aun aunque b bajo bien c cada casi como con contra cual cuales cualquier
cuando cuanta cuantas cuanto cuantos cuya cuyas cuyo cuyos d da de del desde dicha dicho donde dos
durante e el ella ellas ellos en entonces entre era eran eres es esa esas ese eso esos esta estaba
estaban estado estamos estan estar estas este esto estos estoy fue fueron fui ha haber habia habian
hace hacen hacer hacia han has hasta hay he i incluso l la las le les lo los luego m mas me mediante
menos mi mia mientras mio mis misma mismas mismo mismos mucha muchas mucho muchos muy n nada ni
ningun ninguna ninguno no nos nosotros nuestra nuestras nuestro nuestros o os otra otras otro otros
p para pero poca poco pocos podria por porque pues que quien quienes s se sea segun ser si sido
siempre siendo sin sino sobre solamente solo son soy su sus suya suyo suyos t tal tales tambien
tampoco tan tanto te ti tiene tienen toda todas todavia todo todos tras tu tus u un una unas uno
unos usted ustedes va varias varios via vosotros vuestra vuestro y ya yo
"""
_IT = """
a ad agl agli ai al alcun alcuna alcune alcuni alcuno all alla alle allo allora altra altre altri
altro anche ancora anzi appena avere aveva avevano b ben bene c che chi ci ciascun ciascuna ciascuno
cio cioe cogli coi col come comunque con contro cosa cosi cui d da dagl dagli dai dal dall dalla
dalle dallo de degl degli dei del dell della delle dello dentro di dopo dov dove due dunque durante
e ed egli ella entrambe entrambi era erano ero essa esse essere essi esso f fa fanno fare fatto fin
fino fra fu furono gia gli ha hai hanno ho i il in infatti insieme invece io l la le lei li lo loro
lui lungo m ma mai me meno mentre mi mia mie miei mio molta molte molti molto n ne neanche negl
negli nei nel nell nella nelle nello nessun nessuna nessuno niente noi non nostra nostre nostri
nostro nulla o od ogni ognuno oltre oppure p per perche pero piu poca poche pochi poco poi presso
prima pur pure qual qualche qualcosa qualcuno quale quali quando quant quanta quante quanti quanto
quasi quel quell quella quelle quelli quello quest questa queste questi questo qui quindi s sara se
sei sempre senza si sia siamo siano sin sono sopra sotto sta stata state stati stato stessa stesse
stessi stesso su sua sue sugl sugli sui sul sull sulla sulle sullo suo suoi t tale tali tanto te ti
tra tranne tu tua tue tuo tuoi tutt tutta tutte tutti tutto u un una uno v va vengono verso vi via
viene voi vostra vostri vostro
"""

STOP_WORDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        language: frozenset(words.split())
        for language, words in (("en", _EN), ("fr", _FR), ("de", _DE), ("es", _ES), ("it", _IT))
    }
)
"""By language; those of a language that is not among the five are nobody's."""
