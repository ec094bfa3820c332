import { createHash, randomUUID } from "node:crypto";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import type { Scope, StoredChild, Task } from "@sluice/store";
import { onlySections, parsed, sectionsOf, take } from "./support/by-hand.js";
import { settled } from "./support/checks.js";
import { createPipeline, type Pipeline } from "./support/pipeline.js";

let pipeline: Pipeline;
beforeAll(async () => {
  pipeline = await createPipeline({
    PARSER_MAX_CHILD_DEPTH: "5",
    PARSER_MAX_DESCENDANTS: "20",
    PARSER_MAX_DESCENDANTS_MB: "1",
    IN_FLIGHT_WINDOW: "100",
  });
});
afterAll(() => pipeline?.destroy());

const binary = (bytes: Buffer) => ({
  resource: { resourceType: "Binary", contentType: "application/octet-stream", data: bytes.toString("base64") },
});
const bundle = (members: Buffer[]) =>
  Buffer.from(JSON.stringify({ resourceType: "Bundle", type: "collection", entry: members.map(binary) }));
const asFhir = { mediaType: "application/fhir+json", fileName: "bundle.json" };

/** The members of a document at all depths, and what became of each. */
const below = (scope: Scope) =>
  pipeline.supabase.query<{ depth: number; status: string; code: string | null; bytes: number }>(
    `select d.depth, i.status, i.error_code as code, i.byte_length::integer as bytes from sluice.documents d
     join sluice.ingestions i on i.document_id = d.id where d.organization_id = $1 and d.depth > 0`,
    [scope.organizationId],
  );

it("ends an archive of archives by its depth and by its descendants, and keeps what it found until then", async () => {
  const [deep, wide, heavy] = [
    await pipeline.organization("deep"),
    await pipeline.organization("wide"),
    await pipeline.organization("heavy"),
  ];
  const services = await pipeline.start("parser", "chunker", "embedder", "supervisor");

  let inner = Buffer.from("The innermost note.");
  for (let level = 0; level < 9; level += 1) inner = gzipSync(inner);
  await pipeline.submit(deep, inner, { mediaType: "application/gzip" });

  // Each level holds the one below it four times: 4 + 16 + 64 documents.
  const note = (n: number) => Buffer.from(`Note ${n} of many.`);
  const leaf = bundle([0, 1, 2, 3].map(note));
  const middle = bundle([leaf, leaf, leaf, leaf]);
  await pipeline.submit(wide, bundle([middle, middle, middle, middle]), asFhir);

  // Little to store, much to unpack, each within what one document may hold.
  const large = gzipSync(gzipSync(Buffer.alloc(700_000, "A line of text that is long.\n")));
  await pipeline.submit(heavy, bundle([large, large]), asFhir);

  for (const scope of [deep, wide, heavy]) await settled(pipeline, scope);
  for (const service of services) await pipeline.stop(service);

  expect((await below(deep)).map(({ depth, code }) => [depth, code]).sort()).toEqual([
    [1, null],
    [2, null],
    [3, null],
    [4, null],
    [5, "limit_nesting"],
  ]);
  const many = await below(wide);
  expect(many.length).toBeGreaterThan(12);
  expect(many.length).toBeLessThanOrEqual(20);
  expect(many.filter(({ code }) => code !== null).map(({ code }) => code)).toContain("limit_members");
  const bytes = await below(heavy);
  expect(bytes.reduce((sum, each) => sum + each.bytes, 0)).toBeLessThanOrEqual(1024 * 1024);
  expect(bytes.map(({ depth, code }) => [depth, code]).sort()).toEqual([
    [1, null],
    [1, "limit_expanded_size"],
    [2, null],
  ]);
  for (const scope of [deep, wide, heavy])
    expect(await pipeline.store.supervision.checkLedger(scope.organizationId)).toEqual([]);
});

it("counts for all workers at once, in the seal, and anew for a reading that somebody asks for", async () => {
  const scope = await pipeline.organization("by hand");
  const { store } = pipeline;
  const child = (path: string): StoredChild => ({
    path,
    objectPath: `${scope.organizationId}/${randomUUID()}`,
    contentHash: createHash("sha256").update(path).digest("hex"),
    byteLength: 10,
    declaredType: null,
    mediaType: "text/plain",
    fileName: null,
  });
  const seal = async (held: Task, count: number) => {
    await store.work.putParsed(held, 0, onlySections(sectionsOf(["Text."])));
    const children = Array.from({ length: count }, (_, n) => child(`part[${n}]`));
    const limits = { descendants: 10, descendantBytes: 100 };
    return (await store.work.sealParse(held, held.ingestionId, { ...parsed(1, 1, 5), children, limits })).outcome;
  };
  const waiting = () =>
    pipeline.supabase.query<{ id: string; document: string; generation: number }>(
      "select id, document_id as document, generation from sluice.ingestions where organization_id = $1 and next_queue = 'parse'",
      [scope.organizationId],
    );
  const takeAll = async () =>
    Promise.all(
      (await waiting()).map(({ id, generation }) =>
        take(pipeline, "parse", { organizationId: scope.organizationId, ingestionId: id, generation }, id),
      ),
    );

  const { documentId } = await pipeline.submit(scope, "A root.", {}, { enqueue: false });
  for (const held of await takeAll()) expect(await seal(held, 4)).toBe("sealed");
  const four = await takeAll();
  expect(await store.work.descendants(four[0] as Task)).toEqual({ documents: 4, bytes: 40 });
  // Three more each: two fit beside the first four, whichever they are.
  const outcomes = await Promise.all(four.map((held) => seal(held, 3)));
  expect([...outcomes].sort()).toEqual(["limit_members", "limit_members", "sealed", "sealed"]);
  const refused = four.filter((_held, n) => outcomes[n] === "limit_members");
  expect(await store.work.descendants(refused[0] as Task)).toEqual({ documents: 10, bytes: 100 });
  // What has no children of its own is sealed all the same.
  for (const held of refused) expect(await seal(held, 0)).toBe("sealed");

  await pipeline.supabase.exec(
    "update sluice.ingestions set status = 'vectorized', next_queue = null, lease_worker = null, lease_until = null",
  );
  await store.intake.reprocess(scope, documentId);
  const again = await takeAll();
  expect(again).toHaveLength(1);
  expect(await store.work.descendants(again[0] as Task)).toEqual({ documents: 0, bytes: 0 });
  expect(await seal(again[0] as Task, 11)).toBe("limit_members");
  expect(await seal(again[0] as Task, 10)).toBe("sealed");
});
