import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Batch } from "@sluice/contracts";
import { createStack } from "@sluice/local";
import { allScopes, createStore } from "@sluice/store";
import { caller, complete, openBatch, send } from "./client.js";
import { filesBelow, writeNotes } from "./corpus.js";

/** What docs/architecture.md promises: ten documents behind another organization's thousand take at most three times what they take alone. */
const promised = 3;

const median = (values: number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** Ten documents of one organization, alone and behind a thousand of another's, on one stack. */
export async function fairnessBench(args: string[]): Promise<boolean> {
  const { values } = parseArgs({
    args,
    options: { behind: { type: "string", default: "1000" }, runs: { type: "string", default: "5" } },
  });
  const folder = await mkdtemp(join(tmpdir(), "sluice-bench-"));
  const stack = createStack({ home: join(folder, "home"), env: process.env, log: () => {} });
  try {
    const { gatewayUrl, apiKey, supabaseUrl, supabaseSecretKey } = await stack.start();
    const { tenancy } = createStore({ url: supabaseUrl, secretKey: supabaseSecretKey });
    const { id: organizationId } = await tenancy.createOrganization({ name: "second" });
    const { key } = await tenancy.createApiKey({ organizationId, name: "bench", scopes: allScopes });
    const [first, second] = [caller(gatewayUrl, apiKey), caller(gatewayUrl, key)];
    let round = 0;
    const ten = async (): Promise<number> => {
      const own = join(folder, `ten-${round++}`);
      await writeNotes(own, 10, round);
      const began = performance.now();
      const batch = await openBatch(second);
      await send(second, batch, await filesBelow(own));
      await complete(second, batch);
      return (performance.now() - began) / 1_000;
    };
    const runs = Number(values.runs);
    await ten();
    const alone: number[] = [];
    for (let i = 0; i < runs; i++) alone.push(await ten());

    await writeNotes(join(folder, "thousand"), Number(values.behind), 1_000);
    const batch = await openBatch(first);
    await send(first, batch, await filesBelow(join(folder, "thousand")));
    const behind: number[] = [];
    for (let i = 0; i < runs; i++) behind.push(await ten());
    const left = (await first(`/v1/batches/${batch}`, Batch)).inFlight;

    const ratio = median(behind) / median(alone);
    console.table({
      alone: { "median seconds": median(alone).toFixed(2) },
      behind: { "median seconds": median(behind).toFixed(2) },
    });
    console.log(
      JSON.stringify({
        bench: "fairness",
        alone,
        behind,
        ratio: Math.round(ratio * 100) / 100,
        promised,
        stillInFlight: left,
      }),
    );
    // Had the thousand been done before the last ten, nothing was measured.
    return ratio <= promised && left > 0;
  } finally {
    await stack.destroy();
    await rm(folder, { recursive: true, force: true });
  }
}
