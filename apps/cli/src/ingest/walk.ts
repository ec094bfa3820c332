import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { Metadata, UploadFields } from "@sluice/contracts";
import { z } from "zod";
import { CommandError, exitCodes } from "../exit-codes.js";

/** A file to send, with what is said about it. */
export interface Candidate {
  path: string;
  size: number;
  mtimeMs: number;
  fields: Omit<UploadFields, "batchId">;
}

const ManifestLine = UploadFields.omit({ batchId: true }).extend({
  path: z.string().min(1),
  metadata: Metadata.optional(),
});

async function candidate(path: string, fields: Candidate["fields"] = {}): Promise<Candidate> {
  const { size, mtimeMs } = await stat(path);
  return { path, size, mtimeMs: Math.round(mtimeMs), fields };
}

/** Files below the paths, in a fixed order. Hidden files and links inside folders are passed over. */
export async function* walk(paths: readonly string[]): AsyncGenerator<Candidate> {
  for (const path of paths.map((each) => resolve(each))) {
    const info = await stat(path).catch(() => {
      throw new CommandError(`There is no ${path}.`, exitCodes.usage);
    });
    if (!info.isDirectory()) {
      yield await candidate(path);
      continue;
    }
    const entries = (await readdir(path, { withFileTypes: true })).filter((entry) => !entry.name.startsWith("."));
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      if (entry.isDirectory()) yield* walk([join(path, entry.name)]);
      else if (entry.isFile()) yield await candidate(join(path, entry.name));
    }
  }
}

/** The files a manifest lists: a line of JSON each, `{path, externalId?, patient?, tags?, metadata?}`, paths relative to the manifest. */
export async function* readManifest(file: string): AsyncGenerator<Candidate> {
  let number = 0;
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Number.POSITIVE_INFINITY })) {
    number += 1;
    if (line.trim() === "") continue;
    const parsed = ManifestLine.safeParse(jsonOrUndefined(line));
    if (!parsed.success)
      throw new CommandError(
        `${file}:${number}: ${parsed.error.issues[0]?.path.join(".") || "line"}: ${parsed.error.issues[0]?.message}`,
        exitCodes.usage,
      );
    const { path, ...fields } = parsed.data;
    const full = resolve(dirname(file), path);
    yield await candidate(full, fields).catch(() => {
      throw new CommandError(`${file}:${number}: there is no ${full}.`, exitCodes.usage);
    });
  }
}

function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
