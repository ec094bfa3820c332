import type { RouteConfig } from "@asteasolutions/zod-to-openapi";

type Body = NonNullable<NonNullable<RouteConfig["request"]>["body"]>;

const text = (maxLength: number, description: string) => ({ type: "string" as const, maxLength, description });

/** The form of an upload. Written out, as a form's parts are not what zod describes. */
export const multipartBody: Body = {
  required: true,
  content: {
    "multipart/form-data": {
      schema: {
        type: "object",
        required: ["file"],
        additionalProperties: false,
        properties: {
          file: {
            type: "array",
            minItems: 1,
            description: "The part may be repeated, a file each",
            items: { type: "string", format: "binary" },
          },
          batchId: { type: "string", format: "uuid" },
          externalId: text(500, "The sender's own id; new bytes under it are the next revision"),
          patient: text(500, "`identifier` or `authority|identifier`"),
          tags: {
            type: "array",
            maxItems: 50,
            items: { type: "string", maxLength: 100 },
            description: "Repeated, or one JSON array",
          },
          metadata: { type: "object", additionalProperties: true, description: "A JSON object" },
        },
      },
      encoding: {
        file: { contentType: "*/*" },
        tags: { contentType: "text/plain" },
        metadata: { contentType: "application/json" },
      },
      example: {
        file: ["(bytes)"],
        externalId: "EHR-20240117-0042",
        tags: ["discharge"],
        metadata: { ward: "3B" },
      },
    },
  },
};
