import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Scope } from "@sluice/store";
import { onlySections, parsed, sectionsOf } from "./support/by-hand.js";
import { createPipeline, type Pipeline } from "./support/pipeline.js";

// No service runs here: workers' calls are made one by one.

let pipeline: Pipeline;
beforeAll(async () => {
  pipeline = await createPipeline({ IN_FLIGHT_WINDOW: "8" });
});
afterAll(() => pipeline?.destroy());

const sql = <T>(text: string, params: unknown[] = []) => pipeline.supabase.query<T>(text, params);
const options = { leaseMs: 30_000, maxDeaths: 3, alone: false, version: "7" };
const plain = { code: "storage_unauthorized", breaker: { cause: "storage", isPlain: true } } as const;
const blip = { code: "storage_unavailable", breaker: { cause: "storage" } } as const;
const everyone = "00000000-0000-0000-0000-000000000000";
const forget = () => pipeline.supabase.exec("delete from sluice.circuit_breakers");

async function submit(scope: Scope, text: string) {
  const { ingestionId, documentId } = await pipeline.submit(scope, text, {}, { enqueue: false });
  return { organizationId: scope.organizationId, ingestionId, documentId, generation: 1 };
}
type Work = Awaited<ReturnType<typeof submit>>;
async function begin(work: Work, worker = "w") {
  const [row] = await sql<{ generation: number }>("select generation from sluice.ingestions where id = $1", [
    work.ingestionId,
  ]);
  const generation = row?.generation ?? 0;
  const [begun] = await pipeline.store.work.begin("parse", [{ ...work, generation }], worker, options);
  return { ...work, generation, outcome: begun?.outcome };
}
const fail = (work: Work, code = "parser_failed", maxAttempts = 4) =>
  pipeline.store.work.fail(work, "w", { code, maxAttempts, delayMs: 0, durationMs: 1 });
async function seal(work: Work) {
  await pipeline.store.work.putParsed(work, 0, onlySections(sectionsOf(["Text."])));
  return pipeline.store.work.sealParse(work, "w", parsed(1, 1));
}
const breakers = () => pipeline.store.supervision.breakers();
const dispatched = async (...scopes: Scope[]) =>
  (
    await pipeline.store.supervision.dispatch(
      100,
      8,
      scopes.map((scope) => scope.organizationId),
    )
  ).length;
const timeHasCome = () =>
  pipeline.supabase.exec(
    "update sluice.circuit_breakers set retry_at = now() - interval '1 second' where state = 'open'",
  );

describe("somebody else's outage", () => {
  it("opens the breaker at once when it is plain: nothing is taken up, for anybody, and nothing is held against a document", async () => {
    await forget();
    const [scope, other] = [await pipeline.organization(), await pipeline.organization()];
    const [first, second, third] = [await submit(scope, "1"), await submit(scope, "2"), await submit(other, "3")];
    const held = await begin(first);
    await pipeline.store.work.handBack([held], "w", 30_000, plain);
    expect(await breakers()).toMatchObject([
      { queue: "parse", organizationId: null, cause: "storage", code: "storage_unauthorized" },
    ]);
    expect((await begin(second)).outcome).toBe("paused");
    expect((await begin(third)).outcome).toBe("paused");
    await pipeline.supabase.exec("update sluice.ingestions set dispatch_after = now()");
    expect(await dispatched(scope, other)).toBe(0);
    const [row] = await sql("select attempts, status, waiting_for from sluice.ingestions where id = $1", [
      second.ingestionId,
    ]);
    expect(row).toEqual({ attempts: 0, status: "uploaded", waiting_for: "storage_unauthorized" });
    const events = await pipeline.store.reading.events(scope, second.documentId, null, 10);
    expect(events.map(({ kind, code }) => [kind, code])).toEqual([
      ["accepted", null],
      ["waiting", "storage_unauthorized"],
    ]);
  });

  it("lets one through when its time has come, waits longer when that fails, and closes when it succeeds", async () => {
    await forget();
    const scope = await pipeline.organization();
    const [first, second] = [await submit(scope, "a"), await submit(scope, "b")];
    await pipeline.store.work.handBack([await begin(first)], "w", 1_000, plain);
    expect((await begin(second)).outcome).toBe("paused");
    await timeHasCome();
    await pipeline.supabase.exec("update sluice.ingestions set dispatch_after = now()");
    expect(await dispatched(scope)).toBe(1);
    const probe = await begin(first);
    expect(probe.outcome).toBe("started");
    expect((await begin(second)).outcome).toBe("paused");
    await pipeline.store.work.handBack([probe], "w", 1_000, plain);
    expect(await breakers()).toMatchObject([{ trips: 2 }]);
    expect((await begin(first)).outcome).toBe("paused");
    await timeHasCome();
    const again = await begin(second);
    expect(again.outcome).toBe("started");
    expect(await seal(again)).toMatchObject({ outcome: "sealed" });
    expect(await breakers()).toEqual([]);
    expect((await begin(first)).outcome).toBe("started");
  });

  it("takes three in half a minute without a success when it is not plain", async () => {
    await forget();
    const scope = await pipeline.organization();
    const works = await Promise.all(["x", "y", "z", "q"].map((text) => submit(scope, text)));
    const trip = async (work: Work | undefined) =>
      pipeline.store.work.handBack([await begin(work as Work)], "w", 0, blip);
    await trip(works[0]);
    await trip(works[1]);
    expect(await seal(await begin(works[3] as Work))).toMatchObject({ outcome: "sealed" });
    await trip(works[2]);
    await trip(works[0]);
    expect(await breakers()).toEqual([]);
    await trip(works[1]);
    expect(await breakers()).toHaveLength(1);
  });

  it("holds up one organization where it is that one's alone", async () => {
    await forget();
    const [scope, other] = [await pipeline.organization(), await pipeline.organization()];
    const [mine, theirs] = [await submit(scope, "mine"), await submit(other, "theirs")];
    const own = {
      code: "embedding_model_inactive",
      breaker: { cause: "embedding", isPlain: true, isOwn: true },
    } as const;
    await pipeline.store.work.handBack([await begin(mine)], "w", 60_000, own);
    expect((await begin(mine)).outcome).toBe("paused");
    expect((await begin(theirs)).outcome).toBe("started");
  });

  it("does not stay half open when the probe is never heard of, nor when it fails by its own fault", async () => {
    await forget();
    const scope = await pipeline.organization();
    const [first, second, third] = [await submit(scope, "l1"), await submit(scope, "l2"), await submit(scope, "l3")];
    await pipeline.store.work.handBack([await begin(first)], "w", 1_000, plain);
    await timeHasCome();
    expect((await begin(second)).outcome).toBe("started");
    expect((await begin(third)).outcome).toBe("paused");
    await timeHasCome();
    const next = await begin(third);
    expect(next.outcome).toBe("started");
    expect(await fail(next, "document_corrupt", 1)).toBe("dead");
    expect((await begin(first)).outcome).toBe("started");
  });
});

describe("a stage most of whose tries fail", () => {
  const queues = { parse: ["parse", "ocr"], chunk: ["chunk"], embed: ["embed"] } as const;
  const watch = (least = 4) =>
    pipeline.store.supervision.watchFailures({
      windowMs: 60_000,
      share: 0.5,
      least,
      permanent: ["document_corrupt"],
      queues: queues as never,
    });
  const past = () =>
    pipeline.supabase.exec(
      "alter table sluice.document_events disable trigger user; update sluice.document_events set at = at - interval '1 hour'; alter table sluice.document_events enable trigger user",
    );

  async function failing(scope: Scope, count: number, code = "parser_failed") {
    for (let i = 0; i < count; i++)
      await fail(await begin(await submit(scope, `${scope.organizationId} ${code} ${i}`)), code);
  }

  it("pauses for everybody when several organizations are affected, and tries again by itself", async () => {
    await forget();
    await past();
    const [scope, other] = [await pipeline.organization(), await pipeline.organization()];
    await failing(scope, 3);
    expect(await watch()).toEqual([]);
    await failing(other, 3);
    expect(await watch()).toEqual(
      expect.arrayContaining([
        { queue: "parse", organizationId: everyone },
        { queue: "ocr", organizationId: everyone },
      ]),
    );
    expect(await watch()).toEqual([]);
    const waiting = await submit(scope, "waits");
    expect((await begin(waiting)).outcome).toBe("paused");
    await timeHasCome();
    const probe = await begin(waiting);
    expect(await fail(probe)).toBe("retrying");
    expect((await begin(waiting)).outcome).toBe("paused");
    await timeHasCome();
    expect(await seal(await begin(waiting))).toMatchObject({ outcome: "sealed" });
    expect((await breakers()).filter(({ queue }) => queue === "parse")).toEqual([]);
    // What failed before is not held against it again.
    expect((await watch()).filter(({ queue }) => queue === "parse")).toEqual([]);
  });

  it("pauses for one organization when it is the only one", async () => {
    await forget();
    await past();
    const [scope, other] = [await pipeline.organization(), await pipeline.organization()];
    await failing(scope, 5);
    for (const text of ["o1", "o2"]) await seal(await begin(await submit(other, text)));
    expect(await watch()).toEqual(expect.arrayContaining([{ queue: "parse", organizationId: scope.organizationId }]));
    expect((await begin(await submit(other, "goes on"))).outcome).toBe("started");
    expect((await begin(await submit(scope, "waits too"))).outcome).toBe("paused");
  });

  it("does not pause for the documents' own faults", async () => {
    await forget();
    await past();
    const [scope, other] = [await pipeline.organization(), await pipeline.organization()];
    for (const each of [scope, other])
      for (let i = 0; i < 4; i++)
        await fail(await begin(await submit(each, `bad ${each.organizationId} ${i}`)), "document_corrupt", 1);
    expect(await watch()).toEqual([]);
  });
});

describe("a suspect", () => {
  it("is given only to who runs it alone, and is buried when enough workers died on it", async () => {
    await forget();
    const scope = await pipeline.organization();
    const work = await submit(scope, "kills");
    const { store } = pipeline;
    const die = async (alone: boolean, worker: string) => {
      const [row] = await sql<{ generation: number }>("select generation from sluice.ingestions where id = $1", [
        work.ingestionId,
      ]);
      const [begun] = await store.work.begin("parse", [{ ...work, generation: row?.generation ?? 0 }], worker, {
        ...options,
        alone,
      });
      if (begun?.outcome === "started")
        await sql("update sluice.ingestions set lease_until = now() - interval '1 second' where id = $1 returning 1", [
          work.ingestionId,
        ]);
      return begun?.outcome;
    };
    expect(await die(false, "first")).toBe("started");
    expect(await die(false, "second")).toBe("suspect");
    expect(await die(true, "second")).toBe("started");
    expect(await die(true, "third")).toBe("started");
    expect(await die(true, "fourth")).toBe("dead");
    const [letter] = (await store.operations.deadLetters(scope, {}, null, 10)).items;
    expect(letter).toMatchObject({ code: "worker_lost", version: "7", state: "open" });
    expect(letter?.tries.filter(({ code }) => code === "worker_lost")).toHaveLength(4);
  });
});
