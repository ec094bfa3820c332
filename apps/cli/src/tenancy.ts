import { describeCode, SluiceError } from "@sluice/contracts";
import { ConfigError, errorFields, readConfig } from "@sluice/runtime";
import { createStore, type Store, storeConfig } from "@sluice/store";
import { InvalidArgumentError } from "commander";
import { z } from "zod";
import { CommandError, exitCodes } from "./exit-codes.js";
import { localStack } from "./home.js";

/** What is done with Supabase's secret key: SUPABASE_URL and SUPABASE_SECRET_KEY, or the local stack's. */
export async function connectStore(options: { timeoutMs?: number } = {}): Promise<Store> {
  const local = await localStack();
  const given = ["SUPABASE_URL", "SUPABASE_URL_FILE"].some((name) => (process.env[name] ?? "") !== "");
  if (!given && local?.supabaseUrl !== undefined && local.supabaseSecretKey !== undefined)
    return createStore({ url: local.supabaseUrl, secretKey: local.supabaseSecretKey, ...options });
  try {
    return createStore({ ...readConfig(storeConfig), ...options });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const names = error.problems.map(({ name }) => name).join(" and ");
    throw new CommandError(
      `Set ${names}: these commands speak to Supabase itself, or to a stack that was started in this folder.`,
      exitCodes.usage,
    );
  }
}

/** Organizations, members and keys. */
export const connectTenancy = async (): Promise<Store["tenancy"]> => (await connectStore()).tenancy;

/** Says plainly what the database refused; `absent` is what is said when a row that is named is not there. */
export async function answered<T>(call: Promise<T>, absent = ""): Promise<T> {
  return call.catch((error: unknown) => {
    const code = errorFields(error).errorCode ?? "";
    if (absent !== "" && code.endsWith("/23503")) throw new CommandError(absent, exitCodes.someFailed);
    if (error instanceof SluiceError && error.kind === "request") {
      const { title, advice } = describeCode(error.code);
      throw new CommandError(
        absent !== "" && error.code === "not_found" ? absent : `${title} ${advice}`,
        exitCodes.someFailed,
      );
    }
    if ((error as { kind?: unknown }).kind === "outage")
      throw new CommandError("Supabase can't be reached, or is out. Is SUPABASE_URL right?", exitCodes.unreachable);
    throw new CommandError(
      `Supabase refuses (${code}). Is SUPABASE_SECRET_KEY right, and the database migrated? See: sluice migrate`,
      exitCodes.someFailed,
    );
  });
}

export function uuid(text: string): string {
  if (!z.uuid().safeParse(text).success) throw new InvalidArgumentError("Not an id: a uuid is meant.");
  return text.toLowerCase();
}

export function nameOf(text: string): string {
  const name = text.trim();
  if (name.length < 1 || name.length > 200) throw new InvalidArgumentError("1 to 200 characters.");
  return name;
}
