import { Me, ServiceConfig, searchModes } from "@sluice/contracts";
import { supportedTypes } from "@sluice/media";
import { z } from "zod";
import type { GatewayContext } from "../context.js";
import { type Operation, operation } from "../http/operation.js";

/** What the service says of itself. */
export function serviceOperations(context: GatewayContext, description: () => object): Operation[] {
  const { config, embeddings, version } = context;
  const own: z.infer<typeof ServiceConfig> = {
    version,
    limits: {
      maxFileBytes: Math.floor(config.limits.maxFileMb * 1024 * 1024),
      maxFilesPerRequest: config.limits.maxFiles,
      maxJsonBytes: config.limits.maxJsonKb * 1024,
      inFlightWindow: config.window,
      signedUrlSeconds: config.signedUrlSeconds,
    },
    supportedTypes: supportedTypes.map(({ mediaType, label, extensions }) => ({
      mediaType,
      label,
      extensions: [...extensions],
    })),
    embedding: embeddings.model,
    searchModes,
  };
  return [
    operation({
      method: "get",
      path: "/v1/config",
      tag: "service",
      summary: "Limits, supported types, search modes and the embedding model",
      scope: null,
      answers: { 200: { description: "What a client has to know", schema: ServiceConfig } },
      handle: async () => ({ status: 200, body: own }),
    }),
    operation({
      method: "get",
      path: "/v1/me",
      tag: "service",
      summary: "Whose credential this is, and what it may do",
      scope: "any",
      answers: { 200: { description: "The organization, the caller and the scopes", schema: Me } },
      async handle({ scope: { organizationId, caller }, scopes }) {
        return { status: 200, body: { organizationId, caller: { kind: caller.kind, id: caller.id }, scopes } };
      },
    }),
    operation({
      method: "get",
      path: "/openapi.json",
      tag: "service",
      summary: "This description",
      scope: null,
      answers: { 200: { description: "OpenAPI 3.1", schema: z.looseObject({ openapi: z.string() }) } },
      handle: async () => ({ status: 200, body: description() }),
    }),
  ];
}
