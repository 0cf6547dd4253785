"""How somebody outside a project reaches for its things: one entry for every operation.

An operation that is new needs an entry here, or `test_isolation` fails. Each entry names what is
another project's, in every way that it can be named, and the status that an outsider gets.
"""

from typing import Any

import msgspec
from sqlalchemy import Connection, insert

from tests.studio.conftest import A_CARD, NOW_MS, Studio, Tenant
from tests.studio.people import Person, person
from tramontane.catalog.cards import Claim
from tramontane.config import DeploymentSettings
from tramontane.money import Price
from tramontane.store import (
    assistants,
    connections,
    conversations,
    deployments,
    documents,
    embeds,
    libraries,
    links,
    members,
    messages,
    passages,
    prompts,
    publications,
    schema,
    sessions,
    shares,
    tables,
)
from tramontane.store.assistants import AssistantSettings
from tramontane.store.database import bump_revision
from tramontane.store.passages import StoredPassage
from tramontane.store.publications import Offer
from tramontane.store.records import PublishedPrice, StoredDeployment
from tramontane.store.tables import NewTable

SECRET_WORD = "Zwetschgenkuchen"
"""Stands in everything that people of the other project wrote."""
THEIR_CARD = "theirs/cake"
"""A model that the other project added to the catalogue, for itself."""


class Attempt(msgspec.Struct, frozen=True):
    """How to reach for another project's things, and the status that an outsider gets.

    `status` is for a key that may read its own project and for a signed-in member; `person` where
    people get another one. `is_private`: even an administrator, who belongs to no project, and a
    colleague of the same project get it.
    """

    status: int
    query: str = ""
    path: dict[str, str] = {}
    body: Any = None
    person: int | None = None
    is_private: bool = False


class Shelf(msgspec.Struct, frozen=True):
    """A library with one document that has been read, which has a table."""

    library_id: str
    document_id: str
    table_id: str


class Theirs(msgspec.Struct, frozen=True):
    """A project with people, and with one of everything that people make there."""

    tenant: Tenant
    owner: Person
    session_id: str
    invitation_id: str
    link_token: str
    conversation_id: str
    message_id: str
    answer_id: str
    share_id: str
    prompt_id: str
    own_prompt_id: str
    assistant_id: str
    embed_id: str
    connection_id: str
    shelf: Shelf
    own_shelf: Shelf
    publication_id: str

    @property
    def canaries(self) -> list[str]:
        """What of it must be in no answer to an outsider."""
        tenant, owner = self.tenant, self.owner
        known = [tenant.key.id, tenant.key.prefix, tenant.budget.id, f"{tenant.project.name}-read"]
        return [*known, owner.member.email, owner.token, self.link_token, SECRET_WORD]


def furnished(studio: Studio, tenant: Tenant) -> Theirs:
    """Return the project of `tenant` with a manager, and one of everything."""
    project = tenant.project
    owner = person(studio, f"{project.name}-owner", project, role="manager")
    with studio.store.write() as c:
        (session,) = sessions.list_all(c, owner.member.id, studio.settings.sessions, NOW_MS)
        link, token = links.create(
            c,
            studio.pepper,
            purpose="invitation",
            email=f"{SECRET_WORD}@example.org",
            project_id=project.id,
            role="member",
            now_ms=NOW_MS,
        )
        made: dict[str, Any] = {"member_id": owner.member.id, "now_ms": NOW_MS}
        conversation = conversations.create(
            c, project_id=project.id, model="large", title=SECRET_WORD, **made
        )
        asked = messages.new(conversation.id, "user", None, NOW_MS, text=f"{SECRET_WORD}?")
        answer = messages.new(
            conversation.id, "assistant", asked.id, NOW_MS, text=SECRET_WORD, model="large"
        )
        messages.add(c, [asked, answer])
        conversation = conversations.change(c, conversation.id, shown_message_id=answer.id)
        share, _ = shares.create(
            c,
            studio.pepper,
            conversation_id=conversation.id,
            message_id=answer.id,
            now_ms=NOW_MS,
        )
        written: dict[str, Any] = {"title": SECRET_WORD, "body": SECRET_WORD, **made}
        prompt = prompts.create(c, project_id=project.id, **written)
        own_prompt = prompts.create(c, project_id=None, **written)
        assistant = assistants.create(
            c, project_id=project.id, settings=AssistantSettings(name=SECRET_WORD), **made
        )
        embed = embeds.create(
            c,
            project_id=project.id,
            assistant_id=assistant.id,
            title=SECRET_WORD,
            allowed_origins=["https://example.org"],
            **made,
        )
        connection = connections.create(
            c,
            studio.pepper,
            project_id=project.id,
            name=SECRET_WORD,
            kind="sqlite",
            place=f"/srv/{SECRET_WORD}.db",
            url=f"/srv/{SECRET_WORD}.db",
            now_ms=NOW_MS,
        )
        library = libraries.create(c, project_id=project.id, name=SECRET_WORD, **made)
        add_card(c, THEIR_CARD, SECRET_WORD, project.id)
        shelf = filled(c, library.id, owner)
        own = libraries.demand(c, conversation_id=conversation.id, project_id=project.id, **made)
        own_shelf = filled(c, own.id, owner)
        members.update_profile(c, owner.member.id, preferences={"note": SECRET_WORD})
        publication_id = published(c, owner, tenant)
    return Theirs(
        tenant,
        owner,
        session.id,
        link.id,
        token,
        conversation.id,
        asked.id,
        answer.id,
        share.id,
        prompt.id,
        own_prompt.id,
        assistant.id,
        embed.id,
        connection.id,
        shelf,
        own_shelf,
        publication_id,
    )


def published(c: Connection, owner: Person, tenant: Tenant) -> str:
    """Return a publication of the project's own deployment, offered to nobody."""
    own = StoredDeployment(
        name=f"{tenant.project.name}-own",
        settings=msgspec.json.encode(DeploymentSettings(url="http://10.9.8.8:1/v1", price="free")),
        created_at_ms=NOW_MS,
        project_id=tenant.project.id,
    )
    deployments.put(c, own)
    card = msgspec.json.encode({"name": SECRET_WORD})
    return publications.publish(
        c,
        project=tenant.project,
        name="model",
        deployment=own.name,
        offer=Offer(card=card, terms=SECRET_WORD, price=PublishedPrice(Price()), audience=()),
        taken=(),
        created_by=owner.member.id,
        now_ms=NOW_MS,
    ).id


def add_card(c: Connection, card_id: str, name: str, project_id: str | None) -> None:
    """Keep a card of that name in the store."""
    claims = {"name": (Claim(value=name, source="own", record=card_id),)}
    row = {
        "id": card_id,
        "project_id": project_id,
        "data": msgspec.json.encode({"id": card_id, "facts": claims}),
        "created_at_ms": NOW_MS,
        "updated_at_ms": NOW_MS,
    }
    c.execute(insert(schema.cards), row)
    bump_revision(c)


def filled(c: Connection, library_id: str, owner: Person) -> Shelf:
    """Return the library with a document in it that says the secret word."""
    document, _ = documents.add(
        c,
        library_id=library_id,
        member_id=owner.member.id,
        name=f"{SECRET_WORD}.txt",
        sha256="ab" * 32,
        size_bytes=20,
        now_ms=NOW_MS,
    )
    document = documents.claim(c, NOW_MS, 1000, [document.id]) or document
    passage = StoredPassage(
        document_id=document.id,
        number=1,
        page=1,
        kind="text",
        heading="",
        text=SECRET_WORD,
        language="de",
        boxes=b"",
    )
    passages.add(c, library_id, [(passage, [SECRET_WORD.lower()])])
    documents.renew(c, document, NOW_MS, pages=1, pages_done=1, kind="txt")
    documents.finish(c, document, language="de", notes=[], now_ms=NOW_MS)
    column = msgspec.json.encode([{"name": "word", "title": SECRET_WORD, "type": "text"}])
    new = NewTable(name="word", title=SECRET_WORD, row_count=1, columns=column, notes=b"[]")
    (table,) = tables.add_of_document(c, library_id, document.id, [new], NOW_MS)
    return Shelf(library_id, document.id, table.id)


def attempts(theirs: Theirs) -> dict[str, list[Attempt]]:
    """Return, for each operation, how an outsider reaches for `theirs`."""
    return {
        **_of_projects(theirs.tenant),
        **_of_publications(theirs),
        **_of_people(theirs),
        **_of_conversations(theirs),
        **_of_tools(theirs),
        **_of_libraries(theirs),
    }


def _of_projects(theirs: Tenant) -> dict[str, list[Attempt]]:
    project = theirs.project
    of_them = [f"?project_id={project.id}", f"?project_id={project.name}"]
    budget = {"project_id": project.id, "window": "day", "limit": "1"}
    key = {"project_id": project.id, "name": "new"}
    listed = [Attempt(200), *(Attempt(404, query) for query in of_them)]
    return {
        "getStatus": [Attempt(200)],
        "listProjects": [Attempt(200)],
        "createProject": [Attempt(403, body={"name": "new"})],
        "getProject": [
            Attempt(404, path={"project_id": project.id}),
            Attempt(404, path={"project_id": project.name}),
        ],
        "changeProject": [
            Attempt(403, path={"project_id": project.id}, body={"closed_reason": "gone"})
        ],
        "listKeys": listed,
        "createKey": [Attempt(403, body=key, person=404)],
        "getProjectPolicy": [Attempt(404, path={"project_id": project.id})],
        "setProjectPolicy": [Attempt(403, path={"project_id": project.id}, body={})],
        "getKeyPolicy": [Attempt(404, path={"key_id": theirs.key.id})],
        "setKeyPolicy": [Attempt(403, path={"key_id": theirs.key.id}, body={})],
        "changeKey": [
            Attempt(403, path={"key_id": theirs.key.id}, body={"name": "mine"}, person=404)
        ],
        "revokeKey": [Attempt(403, path={"key_id": theirs.key.id}, person=404)],
        "listRoutes": [Attempt(403)],
        "putRoute": [
            Attempt(403, path={"name": "best"}, body={"deployments": [{"deployment": "demo"}]})
        ],
        "removeRoute": [Attempt(403, path={"name": "best"})],
        "listBudgets": listed,
        "setBudget": [Attempt(403, body=budget)],
        "removeBudget": [Attempt(403, path={"budget_id": theirs.budget.id})],
        "reportUsage": [
            Attempt(200, "?by=project&by=key"),
            Attempt(404, f"?by=day&project_id={project.id}"),
            Attempt(404, f"?format=csv&project_id={project.name}"),
        ],
        "getRequestUsage": [Attempt(404, path={"request_id": f"req-{project.name}"})],
        "getIndependence": [Attempt(403)],
        "listDrills": [Attempt(403)],
        "startDrill": [Attempt(403, body={"without": "provider:local"})],
        "getDrill": [Attempt(403, path={"drill_id": "drl_x"})],
        "endDrill": [Attempt(403, path={"drill_id": "drl_x"})],
        "findModels": [Attempt(200, "?limit=200"), Attempt(200, f"?q={SECRET_WORD}")],
        "getModelCard": [Attempt(404, path={"card_id": THEIR_CARD})],
        "compareModels": [Attempt(404, f"?id={THEIR_CARD}&id={A_CARD}")],
        "listCatalogueSources": [Attempt(200)],
        "reportCompleteness": [Attempt(200)],
        "addCard": [
            Attempt(403, body={"card": {"id": "ours/cake", "name": "Cake"}}),
            *(
                Attempt(404, body={"card": {"id": "a/b", "name": "B"}, "project_id": named})
                for named in (project.id, project.name)
            ),
        ],
        "removeCard": [Attempt(404, path={"card_id": THEIR_CARD})],
        "listModels": [Attempt(200)],
        "createPull": [Attempt(403, body={"source": "hf:org/repo"})],
        "listPulls": [Attempt(403)],
        "getPull": [Attempt(403, path={"pull_id": "pul_x"})],
        "cancelPull": [Attempt(403, path={"pull_id": "pul_x"})],
        "resumePull": [Attempt(403, path={"pull_id": "pul_x"})],
        "listHubFiles": [Attempt(403, "?source=hf:org/repo")],
        "listDeployments": [Attempt(200)],
        "listEngines": [Attempt(200)],
        "createDeployment": [
            Attempt(403, body={"name": "new", "url": "https://127.0.0.1:1/v1"}),
            Attempt(
                404, body={"name": "new", "url": "https://1.1.1.1/v1", "project_id": project.id}
            ),
        ],
        "removeDeployment": [
            Attempt(403, path={"name": "large"}),
            Attempt(404, path={"name": f"{project.name}-own"}),
        ],
        "testDeployment": [Attempt(403, body={"url": "https://127.0.0.1:1/v1"})],
        "listProviders": [Attempt(403)],
        "createProvider": [Attempt(403, body={"name": "new", "kind": "mistral", "key": "k"})],
        "testProvider": [Attempt(403, path={"name": "mistral"}, body={})],
        "removeProvider": [Attempt(403, path={"name": "mistral"})],
    }


def _of_publications(theirs: Theirs) -> dict[str, list[Attempt]]:
    project, one = theirs.tenant.project, {"publication_id": theirs.publication_id}
    of_them = [Attempt(404, f"?project_id={name}") for name in (project.id, project.name)]
    bought = {**one, "project_id": project.id}
    new = {
        "name": "mine",
        "project_id": project.id,
        "deployment": f"{project.name}-own",
        "card": {"name": "Mine"},
        "terms": "Mine",
        "price": {"input_per_mtok": "1", "output_per_mtok": "1"},
    }
    return {
        "listPublications": [Attempt(200), *of_them],
        "createPublication": [Attempt(404, body=new)],
        "getPublication": [Attempt(404, path=one), Attempt(404, "?version=1", path=one)],
        "changePublication": [Attempt(404, path=one, body={"terms": "Mine"})],
        "withdrawPublication": [Attempt(404, path=one)],
        "listSubscriptions": [Attempt(404, path=one)],
        "acceptPublication": [Attempt(404, path=bought, body={"version": 1})],
        "endSubscription": [Attempt(404, path=bought)],
        "getStatement": [Attempt(200), *of_them],
        "getPrepaid": [
            Attempt(404, path={"project_id": name}) for name in (project.id, project.name)
        ],
        "topUp": [Attempt(403, path={"project_id": project.id}, body={"amount": "1"})],
    }


def _of_people(theirs: Theirs) -> dict[str, list[Attempt]]:
    project, owner = theirs.tenant.project, theirs.owner.member
    place = {"project_id": project.id, "member_id": owner.id}
    by_name = {"project_id": project.name, "member_id": owner.id}
    role = {"role": "member"}
    used = {"token": "x" * 43, "password": "four words and more", "name": "Eve"}
    of_them = [Attempt(404, f"?project_id={name}") for name in (project.id, project.name)]
    return {
        "signIn": [Attempt(401, body={"email": owner.email, "password": "four words and more"})],
        "getSession": [Attempt(200)],
        "checkLink": [Attempt(404, body={"token": "x" * 43})],
        "acceptLink": [Attempt(404, body=used)],
        "getMe": [Attempt(200)],
        "changeMe": [Attempt(400, body={"id": owner.id, "name": "Eve"})],
        "changePassword": [Attempt(400, body={"member_id": owner.id})],
        "listSessions": [Attempt(200)],
        "endSession": [Attempt(404, path={"session_id": theirs.session_id}, is_private=True)],
        "listMembers": of_them,
        "changeMember": [Attempt(403, path={"member_id": owner.id}, body={"disabled": True})],
        "resetPassword": [Attempt(403, path={"member_id": owner.id})],
        "putMembership": [Attempt(404, path=path, body=role) for path in (place, by_name)],
        "removeMembership": [Attempt(404, path=path) for path in (place, by_name)],
        "listInvitations": of_them,
        "createInvitation": [
            Attempt(404, body={"project_id": project.id}),
            Attempt(404, body={"project_id": project.name, "is_admin": True}),
            Attempt(403, body={"new_project": "more", "prepaid": "1"}),
        ],
        "revokeInvitation": [Attempt(404, path={"invitation_id": theirs.invitation_id})],
        # These two name nothing, and would end the caller's own session: see `test_me`.
        "signOut": [],
        "signOutEverywhere": [],
    }


def _of_conversations(theirs: Theirs) -> dict[str, list[Attempt]]:
    project, conversation = theirs.tenant.project, {"conversation_id": theirs.conversation_id}
    asked = {**conversation, "message_id": theirs.message_id}
    answer = {**conversation, "message_id": theirs.answer_id}

    def private(path: dict[str, str] | None = None, query: str = "", body: Any = None) -> Attempt:
        return Attempt(404, query, path or {}, body, is_private=True)

    question = {"parent_id": theirs.answer_id, "text": "And then?", "client_id": "c-1"}
    begun = {"project_id": project.id, "model": "large"}
    return {
        "listConversations": [
            Attempt(200),
            Attempt(200, "?shared=true"),
            Attempt(404, f"?project_id={project.id}"),
        ],
        "createConversation": [Attempt(404, body=begun)],
        "trySample": [Attempt(404, body={"sample": "table", "project_id": project.id})],
        "getConversation": [private(conversation)],
        "changeConversation": [private(conversation, body={"title": "Mine", "shared": True})],
        "deleteConversation": [private(conversation)],
        "estimateReading": [private(conversation)],
        "sendMessage": [private(conversation, body=question)],
        "answerAgain": [private(conversation, body={"parent_id": theirs.message_id})],
        "continueAnswer": [private(answer)],
        "stopAnswer": [private(answer), private(asked)],
        "rateAnswer": [private(answer, body={"rating": "down"})],
        "changeResult": [
            private({**answer, "part_id": "call_1"}, body={"sql": "SELECT 1"}),
            private({**answer, "part_id": "call_1"}, body={"chart": None}),
        ],
        "followConversation": [private(conversation)],
        # Follows one's own list, and does not end: tests/assistant has what it tells whom.
        "followLists": [],
        "search": [Attempt(200, f"?q={SECRET_WORD}", is_private=True)],
        "listAssistantModels": [Attempt(404, f"?project_id={project.id}")],
        "listShares": [private(conversation)],
        "shareConversation": [private(conversation)],
        "revokeShare": [private({"share_id": theirs.share_id})],
        "readShared": [private(body={"token": "x" * 43})],
        "exportConversation": [private(conversation), private(conversation, "?format=json")],
        "getReceiptKey": [Attempt(200)],
        "getReceipt": [private(answer), private(asked)],
        "makeReport": [private(conversation, body={"format": "html"})],
        "exportAll": [Attempt(200, is_private=True)],
        "importConversations": [Attempt(404, f"?project_id={project.id}", body=[])],
        "exportFeedback": [Attempt(403), Attempt(403, f"?project_id={project.id}")],
    }


def _of_tools(theirs: Theirs) -> dict[str, list[Attempt]]:
    project = theirs.tenant.project
    prompt, own = {"prompt_id": theirs.prompt_id}, {"prompt_id": theirs.own_prompt_id}
    assistant = {"assistant_id": theirs.assistant_id}
    prompt_change = {"version": 1, "title": "Mine"}
    embed = {
        "assistant_id": "shipped:letter",
        "project_id": project.id,
        "title": "Mine",
        "allowed_origins": ["https://evil.example"],
    }
    asked_of = {"model": "large", "messages": [{"role": "user", "content": "Hello"}]}
    asked = {"token": "x" * 43, "messages": [{"role": "user", "content": "Hello"}]}
    return {
        "listPrompts": [Attempt(200), Attempt(404, f"?project_id={project.id}")],
        "createPrompt": [Attempt(404, body={"title": "t", "body": "b", "project_id": project.id})],
        "getPrompt": [Attempt(404, path=prompt), Attempt(404, path=own, is_private=True)],
        "changePrompt": [
            Attempt(404, path=prompt, body=prompt_change),
            Attempt(404, path=own, body=prompt_change, is_private=True),
        ],
        "deletePrompt": [Attempt(404, path=prompt), Attempt(404, path=own, is_private=True)],
        "listAssistants": [Attempt(200), Attempt(404, f"?project_id={project.id}")],
        "createAssistant": [Attempt(404, body={"name": "Mine", "project_id": project.id})],
        "getAssistant": [Attempt(404, path=assistant)],
        "changeAssistant": [Attempt(404, path=assistant, body={"version": 1, "name": "Mine"})],
        "deleteAssistant": [Attempt(404, path=assistant)],
        "copyAssistant": [Attempt(404, path=assistant, body={})],
        "askPlayground": [Attempt(404, body={**asked_of, "project_id": project.id})],
        "createVote": [
            Attempt(404, body={"project_id": name, "models": ["a", "b"], "winner": "a"})
            for name in (project.id, project.name)
        ],
        "summarizeVotes": [
            Attempt(200),
            Attempt(404, f"?project_id={project.id}"),
            Attempt(404, f"?models=a&project_id={project.name}"),
        ],
        "listEmbeds": [Attempt(404, f"?project_id={project.id}")],
        "createEmbed": [Attempt(404, body=embed)],
        "deleteEmbed": [Attempt(404, path={"embed_id": theirs.embed_id})],
        "askEmbed": [Attempt(401, path={"embed_id": theirs.embed_id}, body=asked)],
    }


def _of_libraries(theirs: Theirs) -> dict[str, list[Attempt]]:
    project, conversation = theirs.tenant.project, {"conversation_id": theirs.conversation_id}
    shelves = (theirs.shelf, False), (theirs.own_shelf, True)

    def library(query: str = "", body: Any = None) -> list[Attempt]:
        return [
            Attempt(404, query, {"library_id": shelf.library_id}, body, is_private=is_private)
            for shelf, is_private in shelves
        ]

    def document(query: str = "", **path: str) -> list[Attempt]:
        return [
            Attempt(404, query, {"document_id": shelf.document_id, **path}, is_private=is_private)
            for shelf, is_private in shelves
        ]

    def table(query: str = "") -> list[Attempt]:
        return [
            Attempt(404, query, {"table_id": shelf.table_id}, is_private=is_private)
            for shelf, is_private in shelves
        ]

    database = {"project_id": project.id, "name": "x", "kind": "sqlite", "url": "/srv/x.db"}
    asked = [
        Attempt(404, body={"table_ids": [shelf.table_id], "sql": "SELECT 1"}, is_private=private)
        for shelf, private in shelves
    ]
    search = f"?q={SECRET_WORD}"
    return {
        "listLibraries": [Attempt(200), Attempt(404, f"?project_id={project.id}")],
        "createLibrary": [Attempt(404, body={"name": "Mine", "project_id": project.id})],
        "getLibrary": library(),
        "changeLibrary": library(body={"name": "Mine"}),
        "deleteLibrary": library(),
        "listDocuments": library(),
        "addDocument": library("?name=mine.txt", body="mine"),
        "searchLibrary": library(search),
        "listConversationDocuments": [Attempt(404, path=conversation, is_private=True)],
        "attachDocument": [
            Attempt(404, "?name=mine.txt", conversation, body="mine", is_private=True)
        ],
        "searchConversation": [Attempt(404, search, conversation, is_private=True)],
        "getDocument": document(),
        "deleteDocument": document(),
        "retryDocument": document(),
        "listVersions": document(),
        "getDocumentFile": document(),
        "getPage": document(page="1"),
        "getPassage": document(number="1"),
        "listConnections": [Attempt(200), Attempt(404, f"?project_id={project.id}")],
        "createConnection": [Attempt(403, body=database)],
        "testConnection": [Attempt(403, body={"kind": "sqlite", "url": "/srv/x.db"})],
        "listConnectionTables": [Attempt(404, path={"connection_id": theirs.connection_id})],
        "refreshConnection": [Attempt(403, path={"connection_id": theirs.connection_id})],
        "deleteConnection": [Attempt(403, path={"connection_id": theirs.connection_id})],
        "listLibraryTables": library(),
        "listConversationTables": [Attempt(404, path=conversation, is_private=True)],
        "getTable": table(),
        "listRows": table(),
        "queryTables": asked,
    }
