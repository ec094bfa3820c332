import { type ErrorCode, SluiceError } from "@sluice/contracts";
import type { z } from "zod";

/** What is wrong with an input, where and in which way (zod's code, or `unstorable`), as a code of its own; undefined for the general one. */
export type NameProblem = (path: string, kind: string) => ErrorCode | undefined;

type FieldError = { path: string; message: string };

const deepest = 32;

/**
 * Text that Postgres does not store in JSON (NUL, halves of surrogate pairs) and nesting no reader expects: better refused with its
 * path than failing somewhere behind. Walks without recursion, as deep values are what it looks for.
 */
export function unstorable(value: unknown): FieldError | undefined {
  const left: { value: unknown; path: string; depth: number }[] = [{ value, path: "", depth: 0 }];
  for (let item = left.pop(); item !== undefined; item = left.pop()) {
    const { path, depth } = item;
    if (typeof item.value === "string") {
      if (isUnstorable(item.value)) return { path, message: "holds characters that can't be stored" };
    } else if (typeof item.value === "object" && item.value !== null) {
      if (depth >= deepest) return { path, message: `is nested deeper than ${deepest}` };
      for (const [key, inner] of Object.entries(item.value)) {
        if (isUnstorable(key)) return { path, message: "has a name with characters that can't be stored" };
        left.push({ value: inner, path: path === "" ? key : `${path}.${key}`, depth: depth + 1 });
      }
    }
  }
  return undefined;
}

function isUnstorable(text: string): boolean {
  return text.includes("\0") || /\p{Surrogate}/u.test(text);
}

/** Issues as paths and messages. zod's messages name what was expected, never the value that was given. */
export function fieldErrors(error: z.ZodError): FieldError[] {
  return error.issues.flatMap((issue): FieldError[] => {
    const path = issue.path.map(String);
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => ({ path: [...path, key].join("."), message: "Unknown field" }));
    }
    if (issue.code === "invalid_key") return [{ path: path.join("."), message: "Invalid name of a field" }];
    return [{ path: path.join("."), message: issue.message }];
  });
}

/** Input that fits its schema, or the problem that names what does not. */
export function validate<T>(schema: z.ZodType<T>, input: unknown, nameProblem: NameProblem = () => undefined): T {
  const wrong = unstorable(input);
  if (wrong !== undefined)
    throw new SluiceError(nameProblem(wrong.path, "unstorable") ?? "request_invalid", { errors: [wrong] });
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const [first] = result.error.issues;
  const code = first === undefined ? undefined : nameProblem(first.path.map(String).join("."), first.code);
  throw new SluiceError(code ?? "request_invalid", { errors: fieldErrors(result.error) });
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** Whether something can be an id at all. One that can't names nothing: it is `not_found`, like any other that names nothing. */
export function isUuid(text: string): boolean {
  return uuid.test(text);
}
