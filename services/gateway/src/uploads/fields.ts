import { SluiceError, UploadFields } from "@sluice/contracts";
import { fieldErrors, unstorable } from "../http/validate.js";

type FieldError = { path: string; message: string };
const maxTags = 50;
const single = ["batchId", "externalId", "patient", "metadata"] as const;

const invalid = (errors: FieldError[]) => new SluiceError("request_invalid", { errors });

function parseJson(name: string, text: string, problems: FieldError[]): unknown {
  try {
    return JSON.parse(text);
  } catch {
    problems.push({ path: name, message: "Not valid JSON" });
    return undefined;
  }
}

/**
 * The form's fields, in whatever order and place they come. `tags` may be repeated, be a JSON array, or both; an empty field is one
 * that was not given. All of them together may hold `maxBytes`.
 */
export function createFieldReader(maxBytes: number) {
  const problems: FieldError[] = [];
  let bytes = 0;
  const values = new Map<string, unknown>();
  const tags: unknown[] = [];
  return {
    /** Throws when reading on would only gather more of what is refused anyway. */
    add(name: string | undefined, text: string, truncated: boolean): void {
      const path = name ?? "";
      const seen = values.has(path);
      bytes += Buffer.byteLength(path) + Buffer.byteLength(text);
      if (bytes > maxBytes) {
        const message = `All fields of a form together may hold ${maxBytes} bytes`;
        throw new SluiceError("body_too_large", { errors: [{ path, message }] });
      }
      if (truncated) problems.push({ path, message: "Too long" });
      else if (text === "") return;
      else if (path === "tags") {
        const list = text.trimStart().startsWith("[") ? parseJson("tags", text, problems) : [text];
        if (!Array.isArray(list)) return;
        if (tags.length + list.length > maxTags) throw invalid([{ path, message: `More than ${maxTags}` }]);
        tags.push(...list);
      } else if (!single.some((known) => known === path)) {
        problems.push({ path, message: path === "" ? "A part without a name" : "Unknown field" });
      } else if (seen) problems.push({ path, message: "Given more than once" });
      else values.set(path, path === "metadata" ? parseJson(path, text, problems) : text);
    },
    refuse(path: string, message: string): void {
      problems.push({ path, message });
    },
    /** What is wrong with the fields so far; a request that has it is not worth receiving to its end. */
    problem(): SluiceError | undefined {
      const candidate = { ...Object.fromEntries(values), ...(tags.length > 0 ? { tags } : {}) };
      const checked = UploadFields.safeParse(candidate);
      const wrong = unstorable(candidate);
      const errors = [
        ...problems,
        ...(wrong === undefined ? [] : [wrong]),
        ...(checked.success ? [] : fieldErrors(checked.error)),
      ];
      return errors.length === 0 ? undefined : invalid(errors);
    },
    read(): UploadFields {
      return UploadFields.parse({ ...Object.fromEntries(values), ...(tags.length > 0 ? { tags } : {}) });
    },
  };
}
