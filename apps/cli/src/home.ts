import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { z } from "zod";

/** Where the local stack and the journals keep their things: SLUICE_HOME, or `.sluice` here. */
export function homeFolder(): string {
  return resolve(process.env.SLUICE_HOME ?? ".sluice");
}

const LocalStack = z.object({
  gatewayUrl: z.string(),
  apiKey: z.string(),
  organizationId: z.string().optional(),
  databaseUrl: z.string().nullish(),
  metricsUrls: z.record(z.string(), z.string()).optional(),
  supabaseUrl: z.string().optional(),
  supabaseSecretKey: z.string().optional(),
});
export type LocalStack = z.infer<typeof LocalStack>;

/** What a running stack has written of itself; undefined when there is none. */
export async function localStack(home = homeFolder()): Promise<LocalStack | undefined> {
  try {
    return LocalStack.parse(JSON.parse(await readFile(join(home, "local.json"), "utf8")));
  } catch {
    return undefined;
  }
}
