import { fork } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { takeLock } from "@sluice/runtime";
import { isPrepared, prepareDatabase } from "./prepare.js";
import type { SupabaseOptions } from "./serve.js";

/**
 * The embedded Supabase's process. Its options come by message, so that no key is on a command line; what it prints is thrown away,
 * since it prints failing queries with their values.
 */
const [preparing] = process.argv.slice(2);

/** In a process that ends: making a database takes 350 MB that WebAssembly never gives back. */
async function prepareElsewhere(data: string): Promise<void> {
  const child = fork(fileURLToPath(import.meta.url), [data], {
    execArgv: [],
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error("the database could not be made");
}

async function serve(options: SupabaseOptions): Promise<void> {
  let server: { destroy(): Promise<void> } | undefined;
  const stop = () => {
    // It may be in the middle of starting, or stuck; PGlite's files survive being killed.
    setTimeout(() => process.exit(1), 10_000).unref();
    if (server === undefined) process.exit(0);
    server.destroy().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  };
  process.on("SIGTERM", stop);
  process.on("disconnect", stop);
  try {
    await mkdir(dirname(options.data), { recursive: true, mode: 0o700 });
    if (options.postgresUrl === undefined) {
      // A predecessor whose stack was killed may still be closing: two on one folder would ruin it.
      await takeLock(`${options.data}.lock`, 30_000);
      if (!isPrepared(options.data)) await prepareElsewhere(options.data);
      await chmod(options.data, 0o700);
    }
    const { serveSupabase } = await import("./serve.js");
    server = await serveSupabase(options);
    process.send?.({ ready: true });
  } catch (error) {
    const text = error instanceof Error ? `${error.name}: ${error.message}` : "unknown";
    process.send?.({ failed: text }, () => process.exit(1));
  }
}

if (preparing === undefined) process.once("message", serve);
else {
  process.on("disconnect", () => process.exit(1));
  await prepareDatabase(preparing);
  // PGlite leaves an exit code of its own.
  process.exit(0);
}
