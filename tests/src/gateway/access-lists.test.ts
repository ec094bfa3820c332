import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Service } from "@sluice/runtime";
import { openStream } from "./sse.js";
import { type Answer, type CallOptions, createGatewayFixture, type GatewayFixture, type Person } from "./support.js";

/** A mail with an attachment: a document with a child. */
const mail = (subject: string) =>
  [
    "From: ward@example.org",
    `Subject: ${subject}`,
    "MIME-Version: 1.0",
    'Content-Type: multipart/mixed; boundary="b"',
    "",
    "--b",
    "Content-Type: text/plain",
    "",
    "Xanthelasma noted on the eyelids, secretword.",
    "--b",
    "Content-Type: text/plain; name=letter.txt",
    "Content-Disposition: attachment; filename=letter.txt",
    "",
    "Attached letter about the xanthelasma, secretword.",
    "--b--",
    "",
  ].join("\r\n");

let g: GatewayFixture;
let services: Service[];
/** The restricted document, the one found in it, a plain one, and one that failed. */
let ids: { restricted: string; child: string; plain: string; failed: string; batch: string };
let people: Record<"owner" | "listed" | "admin" | "viewer", Person>;
let keys: Record<"listed" | "other", string>;

beforeAll(async () => {
  g = await createGatewayFixture({ GATEWAY_STREAM_RECHECK_SECONDS: "30" });
  services = await g.pipeline.start("parser", "chunker", "embedder", "supervisor");
  const batch = (await g.call("/v1/batches", { json: { name: "mixed" } })).body.id;
  const send = async (bytes: string, name: string, type: string, externalId: string) =>
    (await g.upload([{ bytes, name, type }], { externalId, batchId: batch })).body.documents[0].id;
  const restricted = await send(mail("Secret"), "secret.eml", "message/rfc822", "R-1");
  const plain = await send("Xanthelasma is mentioned here, too.", "plain.txt", "text/plain", "P-1");
  const failed = await send("%PDF-1.7 broken secretword", "broken.pdf", "application/pdf", "F-1");
  await g.pipeline.drain(g.tenant.scope);
  const found = await g.call("/v1/documents/query", { json: { filter: { parentId: restricted } } });
  ids = { restricted, plain, failed, batch, child: found.body.items[0].id };
  const { organizationId } = g.tenant.scope;
  people = {
    owner: await g.newPerson("owner"),
    listed: await g.newPerson("viewer"),
    admin: await g.newPerson("admin"),
    viewer: await g.newPerson("viewer"),
  };
  const [listed, other] = [await g.newTenant(undefined, organizationId), await g.newTenant(undefined, organizationId)];
  keys = { listed: listed.key, other: other.key };
  const subjects = [
    { kind: "user", id: people.listed.id },
    { kind: "api_key", id: listed.keyId },
  ];
  for (const id of [restricted, failed]) {
    const answer = await g.call(`/v1/documents/${id}/access`, { ...people.admin.as, json: { subjects } });
    expect(answer).toMatchObject({ status: 200, body: { restricted: true, through: null } });
  }
});
afterAll(async () => {
  for (const service of services ?? []) await g.pipeline.stop(service);
  await g?.destroy();
});

const who = (): [string, CallOptions, boolean][] => [
  ["an owner", people.owner.as, true],
  ["a person on the list", people.listed.as, true],
  ["a key on the list", { key: keys.listed }, true],
  ["an admin who is not", people.admin.as, false],
  ["a viewer who is not", people.viewer.as, false],
  ["a key that is not", { key: keys.other }, false],
];
const idsIn = (answer: Answer) => JSON.stringify(answer.body);
const hidden = () => [ids.restricted, ids.child, ids.failed];

/** Calls that read one document, from the description: a new one is tried without being named here. */
async function readingRoutes(): Promise<string[]> {
  const { body } = await g.call("/openapi.json", { key: null });
  return Object.entries(body.paths as Record<string, { get?: { "x-scope"?: string } }>)
    .filter(([path, { get }]) => path.startsWith("/v1/documents/{id}") && get?.["x-scope"] === "documents:read")
    .map(([path]) => path);
}

describe("a restricted document, and what was found in it", () => {
  it("is there by its id for those on its list and for owners, in every call", async () => {
    const routes = await readingRoutes();
    expect(routes.length).toBeGreaterThan(9);
    for (const [name, options, sees] of who()) {
      for (const path of routes) {
        for (const id of [ids.restricted, ids.child]) {
          const at = path.replace("{id}", id);
          if (path.endsWith("/stream")) {
            const headers = { ...options.headers, ...(options.key == null ? {} : { "x-api-key": options.key }) };
            const stream = await openStream(g.urlOf(at), headers);
            stream.close();
            expect({ name, path, status: stream.status }).toEqual({ name, path, status: sees ? 200 : 404 });
          } else {
            const { status } = await g.call(at, options);
            expect({ name, path, status }).toEqual({ name, path, status: sees ? 200 : 404 });
          }
        }
      }
    }
  });

  it("is listed, searched and found by what is said of it by nobody else", async () => {
    for (const [name, options, sees] of who()) {
      const post = (path: string, json: object) => g.call(path, { ...options, json });
      const answers: Record<string, Answer> = {
        list: await g.call("/v1/documents", options),
        batch: await g.call(`/v1/documents?batch=${ids.batch}`, options),
        externalId: await post("/v1/documents/query", { filter: { externalId: "R-1" } }),
        fileName: await post("/v1/documents/query", { filter: { fileName: "secret.eml" } }),
        children: await post("/v1/documents/query", { filter: { parentId: ids.restricted } }),
        byId: await post("/v1/documents/query", { filter: { documentId: ids.child } }),
        keyword: await post("/v1/search", { query: "secretword", mode: "keyword" }),
        semantic: await post("/v1/search", { query: "xanthelasma eyelids", mode: "semantic" }),
        hybrid: await post("/v1/search", { query: "xanthelasma", mode: "hybrid", neighbours: 2 }),
        filtered: await post("/v1/search", { query: "xanthelasma", filter: { documentId: ids.restricted } }),
        format: await post("/v1/search", {
          query: "xanthelasma",
          filter: { externalId: "R-1", includeReplaced: true },
        }),
        deadLetters: await g.call("/v1/dead-letters", options),
        reviews: await g.call("/v1/reviews", options),
      };
      for (const [what, answer] of Object.entries(answers)) {
        expect({ name, what, status: answer.status }).toEqual({ name, what, status: 200 });
        const shown = hidden().some((id) => idsIn(answer).includes(id)) || idsIn(answer).includes("secretword");
        // Nothing of these is under review.
        expect({ name, what, shown }).toEqual({ name, what, shown: sees && what !== "reviews" });
      }
      expect(idsIn(answers.hybrid as Answer)).toContain(ids.plain);
      expect(await post("/v1/search", { query: "xanthelasma", filter: { seen: true } })).toMatchObject({ status: 400 });
    }
  });

  it("can't be changed, deleted or given away by who does not see it", async () => {
    for (const options of [people.admin.as, { key: keys.other }]) {
      const answers = [
        await g.call(`/v1/documents/${ids.restricted}`, { ...options, method: "DELETE" }),
        await g.call(`/v1/documents/${ids.restricted}/reprocess`, { ...options, method: "POST" }),
        await g.call(`/v1/documents/${ids.restricted}/access`, options),
        await g.call(`/v1/documents/${ids.restricted}/access`, { ...options, json: { subjects: null } }),
      ];
      expect(answers.map(({ status }) => status)).toEqual([404, 404, 404, 404]);
      const replayed = await g.call("/v1/dead-letters/replay", { ...options, json: { filter: {} } });
      expect(replayed).toMatchObject({ status: 200, body: { count: 0 } });
    }
  });

  it("has its list from the one it was found in", async () => {
    const at = `/v1/documents/${ids.child}/access`;
    expect((await g.call(at, people.owner.as)).body).toMatchObject({ restricted: true, through: ids.restricted });
    expect(await g.call(at, { ...people.owner.as, json: { subjects: null } })).toMatchObject({
      status: 409,
      body: { code: "document_is_child" },
    });
  });

  it("is on no list of strangers", async () => {
    const other = await g.newTenant();
    const json = { subjects: [{ kind: "api_key", id: other.keyId }] };
    expect(await g.call(`/v1/documents/${ids.plain}/access`, { json })).toMatchObject({
      status: 422,
      body: { code: "subject_unknown" },
    });
    expect((await g.call(`/v1/documents/${ids.plain}/access`, { key: other.key })).status).toBe(404);
  });
});

it("taking somebody off the list closes their stream, and a member who comes back is on none", async () => {
  // Nobody works on it, so that its stream does not end by itself.
  for (const service of services.splice(0)) await g.pipeline.stop(service);
  const { id } = (await g.upload([{ bytes: "watched, then hidden" }])).body.documents[0];
  const reader = await g.newPerson("viewer");
  const stream = await openStream(g.urlOf(`/v1/documents/${id}/stream`), reader.as.headers);
  expect(await stream.next()).toMatchObject({ event: "status" });
  const json = { subjects: [{ kind: "user", id: people.listed.id }] };
  expect((await g.call(`/v1/documents/${id}/access`, { json })).status).toBe(200);
  expect((await stream.until("end")).at(-1)).toMatchObject({ data: { reason: "refused" } });
  const { organizationId } = g.tenant.scope;
  expect((await g.call(`/v1/documents/${id}`, people.listed.as)).status).toBe(200);
  await g.pipeline.store.tenancy.removeMember(organizationId, people.listed.id);
  await g.pipeline.store.tenancy.setMember(organizationId, people.listed.id, "viewer");
  expect((await g.call(`/v1/documents/${id}`, people.listed.as)).status).toBe(404);
});
