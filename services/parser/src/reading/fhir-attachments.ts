import { SluiceError } from "@sluice/contracts";
import type { Limits, Output } from "../formats/format.js";
import { fromBase64, unpacked } from "./attachment.js";
import { isObject, type Json, type JsonObject, str } from "./fhir-readable.js";
import { join } from "./fhir-source.js";

/** Elements that are attachments, whether or not they name a type. */
const attachment = /(^|[a-z])(attachment|presentedForm|photo)$/i;
/** What an attachment may have: data of any other thing, as of a signature, is no file. */
const attachmentFields =
  /^_?(id|extension|contentType|language|data|url|size|hash|title|creation|height|width|frames|duration|pages)$/;

/** What is attached to a resource: documents as children, those that are elsewhere as a warning. */
export class Attachments {
  readonly #out: Output;
  readonly #limits: Limits;
  readonly #isHere: (url: string) => boolean;

  /** `isHere`: whether an address leads to something in the same file. */
  constructor(out: Output, limits: Limits, isHere: (url: string) => boolean) {
    this.#out = out;
    this.#limits = limits;
    this.#isHere = isHere;
  }

  async write(resource: JsonObject, path: string): Promise<void> {
    if (resource.resourceType === "Binary") {
      // Before R4 it kept its bytes in `content`.
      const field = str(resource.content) ? "content" : "data";
      const data = resource[field];
      if (str(data)) await this.#attach({ ...resource, data: data ?? null }, path, field);
      else this.#out.warn("attachment_not_available");
    } else await this.#walk(resource, path, "", 0);
  }

  async #walk(value: Json, path: string, key: string, depth: number): Promise<void> {
    if (depth > this.#limits.maxDepth) throw new SluiceError("limit_nesting");
    if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) {
        if (typeof item === "object") await this.#walk(item, `${path}[${index}]`, key, depth + 1);
      }
    } else if (isObject(value)) {
      const isNamed = attachment.test(key);
      if (str(value.data) && (isNamed || str(value.contentType) || Object.keys(value).every(isAttachmentField)))
        await this.#attach(value, path, "data");
      else if (str(value.url) && (isNamed || str(value.contentType))) await this.#linked(value, path);
      for (const [field, item] of Object.entries(value)) {
        // Contained resources have paths of their own.
        if (typeof item === "object" && field !== "contained")
          await this.#walk(item, join(path, field), field, depth + 1);
      }
    }
  }

  async #linked(value: JsonObject, path: string): Promise<void> {
    const url = str(value.url) ?? "";
    const inline = /^data:([^,;]*)[^,]*;base64,/.exec(url);
    if (inline) {
      const contentType = str(value.contentType) ?? inline[1] ?? null;
      await this.#attach({ ...value, contentType, data: url.slice(inline[0].length) }, path, "url");
    } else if (!this.#isHere(url)) this.#out.warn("attachment_not_available");
  }

  async #attach(value: JsonObject, path: string, field: string): Promise<void> {
    const bytes = fromBase64(str(value.data) ?? "");
    if (!bytes) return this.#out.warn("attachment_unreadable");
    await this.#out.child({
      path: join(path, field),
      fileName: str(value.title) ?? null,
      declaredType: str(value.contentType) ?? null,
      bytes: unpacked(bytes, this.#limits),
    });
  }
}

function isAttachmentField(field: string): boolean {
  return attachmentFields.test(field);
}
