import { existsSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";

export function isPrepared(data: string): boolean {
  return existsSync(join(data, "PG_VERSION"));
}

/** Makes an empty database; complete or not at all, so that one which was killed meanwhile is made again. */
export async function prepareDatabase(data: string): Promise<void> {
  const draft = `${data}.making`;
  await rm(draft, { recursive: true, force: true });
  const db = await PGlite.create(draft);
  await db.close();
  await rm(data, { recursive: true, force: true });
  await rename(draft, data);
}
