import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createGatewayFixture, type GatewayFixture } from "./support.js";

/** A reranker that prefers what is longest, or does what it is told. */
let mood: "well" | "hangs" | "html" | "short" | "redirect" = "well";
const asked: { documents: string[]; authorization: string | undefined }[] = [];
const reranker: Server = createServer((request, response) => {
  let body = "";
  request.on("data", (bytes) => {
    body += bytes;
  });
  request.on("end", () => {
    const { documents } = JSON.parse(body) as { documents: string[] };
    asked.push({ documents, authorization: request.headers.authorization });
    if (mood === "hangs") return;
    if (mood === "redirect") return void response.writeHead(307, { location: "/elsewhere" }).end();
    if (mood === "html") return void response.end("<html>busy</html>");
    const results = documents.map((text, index) => ({ index, relevance_score: text.length }));
    response.end(JSON.stringify({ results: mood === "short" ? results.slice(1) : results }));
  });
});

let g: GatewayFixture;
beforeAll(async () => {
  await new Promise<void>((resolve) => reranker.listen(0, "127.0.0.1", resolve));
  g = await createGatewayFixture();
  await g.pipeline.start("parser", "chunker", "embedder", "supervisor");
});
afterAll(async () => {
  await g?.destroy();
  reranker.closeAllConnections();
  await new Promise((resolve) => reranker.close(resolve));
});

interface Sent {
  fields?: Record<string, string>;
  key?: string;
}
const ingest = async (bytes: string, { fields, key }: Sent = {}): Promise<string> => {
  const answer = await g.upload([{ bytes }], fields, key === undefined ? {} : { key });
  return answer.body.documents[0].id;
};
const settle = () => g.pipeline.drain(g.tenant.scope);
const search = async (request: object) => {
  const answer = await g.call("/v1/search", { json: request });
  expect(answer.status).toBe(200);
  return answer.body;
};
const idsOf = (answer: { hits: { document: { id: string } }[] }) => answer.hits.map(({ document }) => document.id);

describe("queries that can't be", () => {
  it.each([
    ["empty", { query: "" }, "query_empty"],
    ["nothing but space", { query: " \n\t " }, "query_empty"],
    ["nothing that is seen", { query: "\u200b\ufeff\u2060" }, "query_empty"],
    ["of 100 kB", { query: "fever ".repeat(17_000) }, "query_too_long"],
    ["with a control character", { query: "fe\u0007ver" }, "query_unreadable"],
    ["with NUL", { query: "fe\0ver" }, "query_unreadable"],
    ["with half a character", { query: "fever \ud83d" }, "query_unreadable"],
    ["with an unknown filter", { query: "fever", filter: { colour: "red" } }, "filter_unknown"],
    ["with a cursor of nobody", { query: "fever", cursor: "abc" }, "cursor_invalid"],
  ])("%s: each its own code", async (_what, json, code) => {
    expect(await g.call("/v1/search", { json })).toMatchObject({ status: 400, body: { code } });
  });

  it.each([
    ["right to left", "חום גבוה"],
    ["marked right to left", "\u202eחום\u202c"],
    ["signs alone", "!!! ((( &&& ::: *** ''' \\\\\\ <->"],
    ["operators", "fever & | ! <-> (cough):* 'rash' \"pain\""],
    ["a pattern that grows", `${"a".repeat(2_000)}! ${"(a+)+".repeat(300)}`],
    ["markup", "<b onclick=alert(1)>fever</b> %s $1 \\x01"],
    ["many words", Array.from({ length: 660 }, (_, i) => `w${i}`).join(" ")],
    ["the same abbreviation often", "htn af copd dm ".repeat(250)],
  ])("%s are searched like any other", async (_what, query) => {
    for (const mode of ["keyword", "semantic", "hybrid"]) await search({ query, mode });
  });

  it("are never in logs", async () => {
    await g.call("/v1/search", { json: { query: "canarycanary\u0007" } });
    await search({ query: "canarycanary", filter: { metadata: { canarycanary: 1 } } });
    expect(g.pipeline.logs.join("\n")).not.toContain("canarycanary");
  });
});

describe("what is found", () => {
  it("is what other words mean, marked in plain text", async () => {
    const id = await ingest("Larchwood clinic. Longstanding HTN & <b>diabetes</b>, on ramipril 10 mg.");
    await settle();
    const [hit] = (await search({ query: "high blood pressure", filter: { documentId: id }, explain: true })).hits;
    const marked = hit.highlights.map(([from, to]: [number, number]) => hit.text.slice(from, to));
    expect(marked).toEqual(["HTN"]);
    expect(hit.text.slice(hit.snippet.start, hit.snippet.start + hit.snippet.text.length)).toBe(hit.snippet.text);
    expect(hit.snippet.text).toContain("& <b>diabetes</b>");
    const { words, semantic } = hit.explanation.lists;
    expect(words).toMatchObject({ rank: 1, weight: 1, score: expect.any(Number) });
    expect(semantic).toMatchObject({ rank: 1, weight: 0.5 });
    expect(hit.score).toBeCloseTo(words.adds + semantic.adds, 5);
    const [plain] = (await search({ query: "high blood pressure", filter: { documentId: id } })).hits;
    expect(plain.explanation).toBeUndefined();
  });

  it("in a script without stems", async () => {
    const id = await ingest("המטופל סובל מחום גבוה ומשיעול. المريض يعاني من الحمى.");
    await settle();
    for (const query of ["גבוה", "الحمى"]) expect(idsOf(await search({ query, mode: "keyword" }))).toEqual([id]);
  });

  it("comes page by page, each passage once, in the order of one long page", async () => {
    for (let i = 0; i < 23; i++) await ingest(`Quillwort extract, sample ${i}: ${"quillwort ".repeat(i + 1)}`);
    await settle();
    const request = { query: "quillwort sample", mode: "hybrid" };
    const whole = idsOf(await search({ ...request, k: 100 }));
    const pages: string[] = [];
    for (let cursor: string | null | undefined; cursor !== null; ) {
      const page: { hits: { document: { id: string } }[]; nextCursor: string | null } = await search({
        ...request,
        k: 5,
        ...(cursor === undefined ? {} : { cursor }),
      });
      pages.push(...idsOf(page));
      cursor = page.nextCursor;
    }
    expect(pages).toEqual(whole);
    expect(new Set(whole).size).toBe(whole.length);
    expect(whole.length).toBeGreaterThanOrEqual(23);
    const { nextCursor } = await search({ ...request, k: 5 });
    const other = await g.call("/v1/search", { json: { query: "another", k: 5, cursor: nextCursor } });
    expect(other.body.code).toBe("cursor_invalid");
  });

  it("several times within one patient is one hit that names the others; never across patients", async () => {
    const note =
      "Assessment: stable spindlewort allergy, carries an auto-injector at all times, no reaction since spring.";
    const first = await ingest(`${note}\n`, { fields: { patient: "h|9001" } });
    await settle();
    const second = await ingest(`${note}\n\n`, { fields: { patient: "h|9001" } });
    const stranger = await ingest(`${note} \n`, { fields: { patient: "h|9002" } });
    await settle();
    const { hits } = await search({ query: "spindlewort", mode: "keyword" });
    expect(hits).toHaveLength(2);
    const own = hits.find(({ document }: { document: { id: string } }) => document.id !== stranger);
    expect([own.document.id, ...own.copies.map((copy: { documentId: string }) => copy.documentId)].sort()).toEqual(
      [first, second].sort(),
    );
    const audit = await g.pipeline.supabase.query<{ ids: string[] }>(
      "select resource_ids as ids from sluice.audit_log where action = 'search' order by id desc limit 1",
    );
    expect(audit[0]?.ids.sort()).toEqual([first, second, stranger].sort());
    await g.call(`/v1/documents/${first}`, { method: "DELETE" });
    const left = await search({ query: "spindlewort", mode: "keyword" });
    expect(idsOf(left).sort()).toEqual([second, stranger].sort());
  });

  it("comes with what stands before and after it, when asked", async () => {
    const parts = ["one", "two zedoary", "three", "four"].map(
      (n) => `# Part ${n}\n\n${`Text of part ${n}. `.repeat(40)}`,
    );
    const form = new FormData();
    form.append("file", new Blob([parts.join("\n\n")]), "parts.md");
    await g.call("/v1/documents", { body: form });
    await settle();
    const [hit] = (await search({ query: "zedoary", mode: "keyword", neighbours: 1 })).hits;
    expect(hit.before.map(({ text }: { text: string }) => text.includes("part one"))).toEqual([true]);
    expect(hit.after.map(({ text }: { text: string }) => text.includes("part three"))).toEqual([true]);
    const [alone] = (await search({ query: "zedoary", mode: "keyword" })).hits;
    expect([alone.before, alone.after]).toEqual([[], []]);
  });
});

describe("filters", () => {
  it("hold in every mode, and undated documents are counted or included", async () => {
    const tagged = await ingest("Galingale study, first.", {
      fields: { tags: "galingale", metadata: '{"ward":"7"}', patient: "h|77", externalId: "G-1" },
    });
    const other = await ingest("Galingale study, second.");
    await settle();
    const sql = (text: string) => g.pipeline.supabase.exec(text);
    const dated = (id: string, kind: string, day: string, ordinal: number) =>
      sql(`insert into sluice.document_dates (ingestion_id, ordinal, organization_id, kind, value, day, precision, origin)
           select id, ${ordinal}, organization_id, '${kind}', '${day}', '${day}', 'day', 'test' from sluice.ingestions where document_id = '${id}'`);
    await dated(tagged, "service", "2025-03-01", 50);
    await sql(`update sluice.ingestions set header = header || '{"language":"en-GB","type":{"system":"http://loinc.org","code":"18842-5","display":"Discharge summary"}}'
      where document_id = '${tagged}'`);
    const filters: [object, string[]][] = [
      [{ tags: ["galingale"] }, [tagged]],
      [{ metadata: { ward: "7" } }, [tagged]],
      [{ patient: "h|77" }, [tagged]],
      [{ externalId: "G-1" }, [tagged]],
      [{ language: "en" }, [tagged]],
      [{ language: "EN-gb" }, [tagged]],
      [{ language: "e%" }, []],
      [{ documentType: "18842-5" }, [tagged]],
      [{ documentType: "http://loinc.org|18842-5" }, [tagged]],
      [{ documentType: "discharge summary" }, [tagged]],
      [{ documentType: "letter" }, []],
      [{ documentId: other }, [other]],
      [{ tags: ["none"] }, []],
      [{ from: "2025-02-01", to: "2025-03-31" }, [tagged]],
      [{ from: "2025-02-01", dateKind: "service" }, [tagged]],
      [{ from: "2025-02-01", dateKind: "received" }, []],
      [{ from: "2025-04-01" }, []],
      [{ from: "2025-04-01", includeUndated: true, tags: ["galingale"] }, []],
      [{ from: "2025-04-01", includeUndated: true, documentId: other }, [other]],
    ];
    for (const mode of ["keyword", "semantic", "hybrid"])
      for (const [filter, expected] of filters) {
        const found = idsOf(await search({ query: "galingale study", mode, filter, k: 50 }));
        expect({ mode, filter, found: found.sort() }).toEqual({ mode, filter, found: expected.sort() });
      }
    const undated = await search({ query: "galingale", filter: { from: "2025-02-01", documentId: other } });
    expect(undated).toMatchObject({ hits: [], undated: 1 });
    expect((await search({ query: "galingale" })).undated).toBeNull();
  });
});

describe("a reranker", () => {
  const query = { query: "quillwort sample", k: 5, explain: true };
  it("puts the best passages in order, page after page; without it they come as ranked", async () => {
    const url = `http://127.0.0.1:${(reranker.address() as AddressInfo).port}/rerank`;
    const gateway = await g.newGateway({
      RERANK_URL: url,
      RERANK_API_KEY: "secret-1",
      RERANK_TIMEOUT_MS: "500",
      RERANK_DEPTH: "10",
    });
    const call = async (json: object) => (await g.call(`http://127.0.0.1:${gateway.port}/v1/search`, { json })).body;
    mood = "well";
    const first = await call(query);
    expect(first.notes).toEqual([]);
    expect(asked.at(-1)).toMatchObject({ authorization: "Bearer secret-1" });
    expect(asked.at(-1)?.documents).toHaveLength(10);
    const scores = first.hits.map(
      (hit: { explanation: { rerank: { score: number } } }) => hit.explanation.rerank.score,
    );
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
    const second = await call({ ...query, cursor: first.nextCursor });
    const third = await call({ ...query, cursor: second.nextCursor });
    const ids = [first, second, third].flatMap(idsOf);
    expect(new Set(ids).size).toBe(15);

    const plain = idsOf(await search(query));
    const before = asked.length;
    expect(idsOf(await call({ ...query, rerank: false }))).toEqual(plain);
    expect(asked).toHaveLength(before);
    for (const trouble of ["hangs", "html", "short", "redirect"] as const) {
      mood = trouble;
      const answer = await call(query);
      expect([answer.notes, idsOf(answer)]).toEqual([["rerank_unavailable"], plain]);
    }
  });
});
