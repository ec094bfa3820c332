import { SluiceError } from "@sluice/contracts";
import express, { type Express } from "express";
import helmet from "helmet";
import type { GatewayContext } from "./context.js";
import { cors } from "./http/cors.js";
import { exchangeOf, observe } from "./http/exchange.js";
import { mount } from "./http/mount.js";
import { problems, sendProblem } from "./http/problems.js";
import { serveDocs } from "./openapi/docs.js";
import { describeApi } from "./openapi/document.js";
import { apiKeyOperations } from "./routes/api-keys.js";
import { auditOperations } from "./routes/audit.js";
import { authOperations } from "./routes/auth.js";
import { batchOperations } from "./routes/batches.js";
import { contentOperations } from "./routes/content.js";
import { deadLetterOperations } from "./routes/dead-letters.js";
import { documentOperations } from "./routes/documents.js";
import { healthOperations } from "./routes/health.js";
import { ledgerOperations } from "./routes/ledger.js";
import { memberOperations } from "./routes/members.js";
import { queueOperations } from "./routes/queues.js";
import { reindexOperations } from "./routes/reindex.js";
import { reviewOperations } from "./routes/reviews.js";
import { searchOperations } from "./routes/search.js";
import { serviceOperations } from "./routes/service.js";
import { streamOperations } from "./routes/streams.js";
import { uploadOperations } from "./routes/uploads.js";
import { usageOperations } from "./routes/usage.js";
import { webhookOperations } from "./routes/webhooks.js";
import { whyOperations } from "./routes/why.js";

/** The HTTP application: its calls are listed by the modules under `routes`, and described by what they declare. */
export function createApp(context: GatewayContext): Express {
  const described = () => description;
  const operations = [
    ...uploadOperations(context),
    ...documentOperations(context),
    ...contentOperations(context),
    ...streamOperations(context),
    ...batchOperations(context),
    ...searchOperations(context),
    ...whyOperations(context),
    ...deadLetterOperations(context),
    ...queueOperations(context),
    ...ledgerOperations(context),
    ...usageOperations(context),
    ...auditOperations(context),
    ...reindexOperations(context),
    ...reviewOperations(context),
    ...webhookOperations(context),
    ...authOperations(context),
    ...apiKeyOperations(context),
    ...memberOperations(context),
    ...serviceOperations(context, described),
    ...healthOperations(context),
  ];
  const description = describeApi(operations, context.version);

  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.set("query parser", "simple");
  app.set("trust proxy", context.config.http.trustProxy);
  app.use(observe(context));
  app.use(helmet({ contentSecurityPolicy: { directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } } }));
  app.use(cors(context.config.http.corsOrigins));
  app.use("/docs", serveDocs());
  // Who opens the address in a browser wants to know what it is.
  app.get("/", (_request, response) => {
    exchangeOf(response).route = "/";
    response.redirect("/docs");
  });
  app.use((_request, response, next) => {
    response.setHeader("cache-control", "no-store");
    next();
  });
  app.use(mount(context, operations));
  app.use((request, response) => sendProblem(request, response, new SluiceError("not_found")));
  app.use(problems(context));
  return app;
}
