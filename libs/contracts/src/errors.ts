/**
 * Every failure has a code. Messages and advice are static: nothing of a document is ever in them.
 *
 * `permanent`  a dead letter at once
 * `transient`  tried again with backoff, a dead letter when the attempts are used up
 * `outage`     somebody else's trouble: the ingestion waits, costs no attempt and gets no dead letter
 * `request`    the caller's mistake; never on an ingestion
 */
export type FailureKind = "permanent" | "transient" | "outage" | "request";

interface CodeEntry {
  kind: FailureKind;
  /** What happened, one sentence for people. */
  title: string;
  /** What to do now. */
  advice: string;
  /** HTTP status where the code is answered to a request. */
  status?: number;
  /** Overrides the queue's attempts for this code. */
  attempts?: number;
  /** For outages: the circuit breaker that it trips; none where Postgres itself is out, which keeps the breakers. */
  breaker?: Breaker;
}

/** What a stage needs that can be out. */
export const breakerCauses = ["storage", "parser", "embedding", "budget"] as const;
export interface Breaker {
  cause: (typeof breakerCauses)[number];
  /** Once is enough: it will be so until somebody changes something. */
  isPlain?: true;
  /** It is about one organization alone. */
  isOwn?: true;
}

const table = {
  // documents
  document_encrypted: {
    kind: "permanent",
    title: "The document is protected by a password.",
    advice: "Send a copy without the password.",
  },
  document_corrupt: {
    kind: "permanent",
    title: "The document is damaged and can't be read.",
    advice: "Export or scan it again and send the new file.",
  },
  document_infected: {
    kind: "permanent",
    title: "The scanner found malware in the document.",
    advice: "It was not opened. Delete the document, and look at where it came from.",
  },
  document_unscannable: {
    kind: "permanent",
    title: "The document is larger than the scanner takes, and what is not scanned is not opened.",
    advice: "Raise StreamMaxLength of clamd to GATEWAY_MAX_FILE_MB, then retry the document.",
  },
  document_empty: {
    kind: "permanent",
    title: "The document holds no text.",
    advice: "Check that the right file was sent.",
  },
  document_illegible: {
    kind: "permanent",
    title: "No text could be recognised on the document's pages.",
    advice: "Send a better scan; check OCR_LANGUAGES if the text is in another language.",
  },
  document_type_unsupported: {
    kind: "permanent",
    title: "The document's content is of a kind that can't be read.",
    advice: "Convert it to one of the supported types.",
  },
  archive_unsupported: {
    kind: "permanent",
    title: "The archive is of a kind that can't be unpacked.",
    advice: "Unpack it and send what it holds, or send it as ZIP, TAR or GZIP.",
  },
  ocr_required: {
    kind: "permanent",
    title: "The document is a scan and has no text layer.",
    advice: "Send a copy with recognised text; or turn recognition on: it is off here (OCR).",
  },
  limit_time: {
    kind: "transient",
    title: "Reading the document took longer than allowed.",
    advice: "Raise PARSER_TIMEOUT_MS, or split the document.",
    attempts: 2,
  },
  limit_memory: {
    kind: "transient",
    title: "Reading the document took more memory than allowed.",
    advice: "Raise PARSER_MEMORY_MB, or split the document.",
    attempts: 2,
  },
  limit_pages: {
    kind: "permanent",
    title: "The document has more pages than allowed.",
    advice: "Raise PARSER_MAX_PAGES, or split the document.",
  },
  limit_pixels: {
    kind: "permanent",
    title: "A picture in the document has more pixels than allowed.",
    advice: "Scan it at 300 dots an inch, or raise PARSER_MAX_MEGAPIXELS if the file is trusted.",
  },
  limit_expanded_size: {
    kind: "permanent",
    title: "The document unpacks to more than allowed.",
    advice:
      "Raise PARSER_MAX_EXPANDED_MB, or PARSER_MAX_DESCENDANTS_MB for all it holds together, if the file is trusted.",
  },
  limit_members: {
    kind: "permanent",
    title: "The document, or what it was found in, holds more documents than allowed.",
    advice: "Raise PARSER_MAX_CHILDREN, or PARSER_MAX_DESCENDANTS for all depths together, if the file is trusted.",
  },
  limit_nesting: {
    kind: "permanent",
    title: "The document is nested deeper than allowed.",
    advice: "Raise PARSER_MAX_DEPTH, or PARSER_MAX_CHILD_DEPTH for documents within documents, if the file is trusted.",
  },
  original_missing: {
    kind: "permanent",
    title: "The stored original is gone.",
    advice: "Send the document again; if this repeats, check Storage.",
  },
  original_altered: {
    kind: "permanent",
    title: "The stored original is not what was accepted: its hash differs.",
    advice: "Send the document again, and find out what changed the object.",
  },
  parser_crashed: {
    kind: "transient",
    title: "The isolated parser died while reading the document.",
    advice: "Keep the file for analysis; it may be hostile.",
    attempts: 2,
  },
  parser_failed: {
    kind: "transient",
    title: "The parser failed on the document by a fault of its own.",
    advice:
      "The file may be sound. Report it with the ingestion's log lines, which name the place, and retry after an update.",
    attempts: 2,
  },
  worker_lost: {
    kind: "permanent",
    title: "Workers died several times while working on this document.",
    advice: "Look at the workers' logs around the times of the attempts, then retry.",
  },
  embedding_input_refused: {
    kind: "permanent",
    title: "The embedding provider refuses this document's text.",
    advice: "Check the model's input limits against the chunker's.",
  },
  embedding_input_failed: {
    kind: "transient",
    title: "The embedding provider fails on this document's text, and on no other.",
    advice: "Look at the provider's own logs around the times of the attempts, then retry.",
  },
  embedding_response_invalid: {
    kind: "transient",
    title: "The embedding provider's answer was not usable.",
    advice: "Check EMBEDDING_MODEL and EMBEDDING_DIMENSIONS against the provider.",
  },
  embedding_count_mismatch: {
    kind: "transient",
    title: "The embedding provider did not answer with one vector for each text.",
    advice: "If this repeats, the provider or a proxy before it is broken: look at its logs.",
  },
  embedding_vector_invalid: {
    kind: "transient",
    title: "The embedding provider answered with a vector of no use: zero, or not all numbers.",
    advice: "If this repeats for one document, the model fails on its text: look at the provider's logs, then retry.",
  },
  internal_error: {
    kind: "transient",
    title: "Something in Sluice went wrong.",
    advice: "Look up the request or ingestion id in the logs, and retry.",
    status: 500,
  },
  // somebody else's trouble
  storage_unavailable: {
    kind: "outage",
    breaker: { cause: "storage" },
    title: "Supabase Storage can't be reached.",
    advice: "Try again after the time in Retry-After.",
    status: 503,
  },
  storage_unauthorized: {
    kind: "outage",
    breaker: { cause: "storage", isPlain: true },
    title: "Supabase Storage refuses the key.",
    advice: "Set SUPABASE_SECRET_KEY to the project's secret key and restart the services.",
    status: 503,
  },
  storage_misconfigured: {
    kind: "outage",
    breaker: { cause: "storage", isPlain: true },
    title: "Supabase Storage has no place for originals.",
    advice:
      "Check SUPABASE_URL, and that the bucket `originals` exists (`sluice migrate` makes it) and takes every type.",
    status: 503,
  },
  database_unavailable: {
    kind: "outage",
    title: "The database can't be reached.",
    advice: "Try again after the time in Retry-After.",
    status: 503,
  },
  scanner_unavailable: {
    kind: "outage",
    breaker: { cause: "parser" },
    title: "The malware scanner can't be reached.",
    advice: "Documents wait until it is back: nothing is opened that was not scanned. See CLAMD_HOST.",
  },
  provider_unavailable: {
    kind: "outage",
    breaker: { cause: "parser" },
    title: "The parser's provider can't be reached.",
    advice: "Work goes on when it is back; PARSER_PROVIDER=builtin reads without it.",
  },
  provider_rate_limited: {
    kind: "outage",
    breaker: { cause: "parser" },
    title: "The parser's provider limits the rate.",
    advice: "Work goes on when it allows.",
  },
  provider_unauthorized: {
    kind: "outage",
    breaker: { cause: "parser", isPlain: true },
    title: "The parser's provider refuses the key.",
    advice: "Set a valid LLAMA_CLOUD_API_KEY and restart the parsers.",
  },
  provider_exhausted: {
    kind: "outage",
    breaker: { cause: "parser", isPlain: true },
    title: "The credits at the parser's provider are used up.",
    advice: "Buy more, or set PARSER_PROVIDER=builtin and restart the parsers.",
  },
  embedding_unavailable: {
    kind: "outage",
    breaker: { cause: "embedding" },
    title: "The embedding provider can't be reached.",
    advice: "Work goes on when it is back.",
    status: 503,
  },
  embedding_rate_limited: {
    kind: "outage",
    breaker: { cause: "embedding" },
    title: "The embedding provider limits the rate.",
    advice: "Work goes on when it allows.",
    status: 503,
  },
  embedding_disconnected: {
    kind: "outage",
    breaker: { cause: "embedding" },
    title: "The embedding provider cut the connection before it had answered.",
    advice:
      "Work goes on when it answers. A proxy's limit on a request's size or time may be the cause: see EMBEDDING_MAX_INPUTS.",
    status: 503,
  },
  embedding_timeout: {
    kind: "outage",
    breaker: { cause: "embedding" },
    title: "The embedding provider did not answer in time.",
    advice: "Work goes on when it does. Raise EMBEDDING_TIMEOUT_MS, or lower EMBEDDING_MAX_INPUTS, for a slow server.",
    status: 503,
  },
  embedding_answer_unreadable: {
    kind: "outage",
    breaker: { cause: "embedding" },
    title: "What answers in the embedding provider's place does not speak its protocol.",
    advice: "Check OPENAI_BASE_URL, and whether a proxy or a sign-in page stands before the provider.",
    status: 503,
  },
  embedding_model_unknown: {
    kind: "outage",
    breaker: { cause: "embedding", isPlain: true },
    title: "The embedding provider does not have the model.",
    advice: "Check EMBEDDING_MODEL, and restart the embedder and the gateway.",
    status: 503,
  },
  embedding_dimensions_mismatch: {
    kind: "outage",
    breaker: { cause: "embedding", isPlain: true },
    title: "The embedding provider's vectors are of another length than configured.",
    advice: "Set EMBEDDING_DIMENSIONS to the model's, and restart the embedder and the gateway.",
    status: 503,
  },
  embedding_share_used: {
    kind: "outage",
    breaker: { cause: "embedding", isOwn: true },
    title: "The organization has used its share of the embedding provider's rate for now.",
    advice: "Work goes on by itself. See EMBEDDING_ORGANIZATION_TOKENS_PER_MINUTE.",
    status: 503,
  },
  embedding_budget_exhausted: {
    kind: "outage",
    breaker: { cause: "budget", isPlain: true, isOwn: true },
    title: "The organization's embedding budget for this month is used up.",
    advice: "Raise it (`sluice budget set`) and work goes on at once; otherwise it does with the next month.",
    status: 503,
  },
  embedding_unauthorized: {
    kind: "outage",
    breaker: { cause: "embedding", isPlain: true },
    title: "The embedding provider refuses the key.",
    advice: "Set a valid OPENAI_API_KEY and restart the embedder and the gateway.",
    status: 503,
  },
  embedding_not_found: {
    kind: "outage",
    breaker: { cause: "embedding", isPlain: true },
    title: "The embedding provider's address does not exist.",
    advice: "Check OPENAI_BASE_URL, and restart the embedder and the gateway.",
    status: 503,
  },
  embedding_model_inactive: {
    kind: "outage",
    breaker: { cause: "embedding", isPlain: true, isOwn: true },
    title: "No configured embedding model is this organization's active one.",
    advice:
      "Set EMBEDDING_PROVIDER, EMBEDDING_MODEL and EMBEDDING_DIMENSIONS, or their EMBEDDING_NEXT_ counterparts, to the active model.",
    status: 409,
  },
  stage_failing: {
    kind: "outage",
    title: "Too many of the stage's jobs fail; it is paused.",
    advice: "Look at the dead letters and logs of the last minutes. It tries again by itself, one document at a time.",
  },
  stage_paused: {
    kind: "outage",
    title: "Somebody paused the stage.",
    advice: "Resume it: `sluice queues resume`.",
  },
  batch_paused: {
    kind: "outage",
    title: "Somebody paused the batch.",
    advice: "Resume it: `sluice batch resume`.",
  },
  // requests
  file_missing: {
    kind: "request",
    status: 400,
    title: "The request holds no file.",
    advice: "Send multipart/form-data with at least one part named `file`.",
  },
  file_empty: {
    kind: "request",
    status: 400,
    title: "The file is empty.",
    advice: "Check the file and send it again.",
  },
  file_too_large: {
    kind: "request",
    status: 413,
    title: "The file is larger than allowed.",
    advice: "Split it, or raise GATEWAY_MAX_FILE_MB.",
  },
  file_incomplete: {
    kind: "request",
    status: 400,
    title: "The file's transfer broke off.",
    advice: "Send the file again.",
  },
  request_too_slow: {
    kind: "request",
    status: 408,
    title: "The request came too slowly.",
    advice: "Send it again over a better connection, or in smaller requests.",
  },
  media_type_unsupported: {
    kind: "request",
    status: 415,
    title: "The file is of a kind that can't be read.",
    advice: "Send one of the supported types.",
  },
  upload_missing: {
    kind: "request",
    status: 404,
    title: "Nothing lies under this path, or it was not given to the organization.",
    advice: "Ask for a path with POST /v1/uploads, put the file there, then name it.",
  },
  upload_taken: {
    kind: "request",
    status: 409,
    title: "The file under this path is another document already.",
    advice: "Put each file under a path of its own.",
  },
  unauthenticated: {
    kind: "request",
    status: 401,
    title: "The key or token is missing, wrong or expired.",
    advice: "Send `X-API-Key: slc_…` or `Authorization: Bearer …`.",
  },
  forbidden: {
    kind: "request",
    status: 403,
    title: "The key or role does not allow this.",
    advice: "Use a key with the scope, or ask an owner of the organization.",
  },
  credentials_invalid: {
    kind: "request",
    status: 401,
    title: "The address and the password don't go together, or the address is not confirmed.",
    advice: "Check both; POST /v1/auth/recover has a link to a new password mailed.",
  },
  password_refused: {
    kind: "request",
    status: 422,
    title: "The new password is too weak, or the old one.",
    advice: "Choose another one.",
  },
  mailed_token_invalid: {
    kind: "request",
    status: 400,
    title: "The mail's link or code is wrong, used, or too old.",
    advice: "Ask for another one.",
  },
  too_many_attempts: {
    kind: "request",
    status: 429,
    title: "Too many tries; the account or the address is locked for a while.",
    advice: "Try again after the time in Retry-After.",
  },
  signup_closed: {
    kind: "request",
    status: 403,
    title: "Nobody can sign up here by themselves.",
    advice: "Ask an administrator for an account.",
  },
  mfa_required: {
    kind: "request",
    status: 403,
    title: "Owners and admins need a second factor.",
    advice: "Enroll one with POST /v1/auth/mfa/factors and verify it; then use the tokens it gives.",
  },
  mfa_unsupported: {
    kind: "request",
    status: 501,
    title: "The Supabase in use has no second factors.",
    advice: "Supabase Lite has none; a hosted or self-hosted Supabase has.",
  },
  auth_unavailable: {
    kind: "outage",
    title: "Supabase Auth can't be reached.",
    advice: "Try again after the time in Retry-After.",
    status: 503,
  },
  role_exceeded: {
    kind: "request",
    status: 403,
    title: "Only owners make owners and unmake them.",
    advice: "Ask an owner.",
  },
  last_owner: {
    kind: "request",
    status: 409,
    title: "It is the organization's last owner.",
    advice: "Make somebody else an owner first.",
  },
  invitation_invalid: {
    kind: "request",
    status: 400,
    title: "The invitation is wrong, used, over, or for another address.",
    advice: "Log in with the address it was made for, or ask for another one.",
  },
  document_is_child: {
    kind: "request",
    status: 409,
    title: "The document was found in another one and is seen by whoever sees that.",
    advice: "Restrict the one it was found in.",
  },
  subject_unknown: {
    kind: "request",
    status: 422,
    title: "Somebody on the list is no member, or no key, of the organization.",
    advice: "Check the ids and their kinds.",
  },
  scopes_exceeded: {
    kind: "request",
    status: 403,
    title: "A key can't be given a scope that its maker lacks.",
    advice: "Leave the scope out, or have it made by somebody who has it.",
  },
  not_found: {
    kind: "request",
    status: 404,
    title: "There is no such thing here.",
    advice: "Check the id and the organization.",
  },
  method_not_allowed: {
    kind: "request",
    status: 405,
    title: "The path does not take this method.",
    advice: "See /docs.",
  },
  json_malformed: {
    kind: "request",
    status: 400,
    title: "The body is not valid JSON.",
    advice: "Check the body's syntax.",
  },
  request_invalid: {
    kind: "request",
    status: 400,
    title: "The request does not fit its schema.",
    advice: "See `errors` for the paths, and /docs.",
  },
  query_empty: {
    kind: "request",
    status: 400,
    title: "The query says nothing.",
    advice: "Send a word or a phrase.",
  },
  query_too_long: {
    kind: "request",
    status: 400,
    title: "The query is longer than 4,000 characters.",
    advice: "Ask in fewer words; to find copies of a text, search for a sentence of it.",
  },
  query_unreadable: {
    kind: "request",
    status: 400,
    title: "The query holds control characters or halves of characters.",
    advice: "Send it as UTF-8 text.",
  },
  filter_unknown: {
    kind: "request",
    status: 400,
    title: "The filter has a key that search does not know; nothing was searched.",
    advice: "See `errors` for the key, and /docs for those there are.",
  },
  body_too_large: {
    kind: "request",
    status: 413,
    title: "The body is larger than allowed.",
    advice: "Send less at once.",
  },
  content_type_unsupported: {
    kind: "request",
    status: 415,
    title: "The body's content type is not taken here.",
    advice: "See /docs for what the call takes.",
  },
  cursor_invalid: {
    kind: "request",
    status: 400,
    title: "The cursor is not one of ours.",
    advice: "Use `nextCursor` as it was given, with the same filter.",
  },
  idempotency_key_reused: {
    kind: "request",
    status: 422,
    title: "The Idempotency-Key was used for another request.",
    advice: "Use a new key for each request.",
  },
  idempotency_form_differs: {
    kind: "request",
    status: 422,
    title: "The form is not the one that was first sent with this Idempotency-Key: its fields or files differ.",
    advice: "Use a new key for each request; nothing of this one was taken.",
  },
  idempotency_in_progress: {
    kind: "request",
    status: 409,
    title: "The request with this Idempotency-Key is still running.",
    advice: "Ask again in a moment.",
  },
  document_in_progress: {
    kind: "request",
    status: 409,
    title: "The document's newest revision is still being processed.",
    advice: "Wait until it is final.",
  },
  document_not_ready: {
    kind: "request",
    status: 409,
    title: "No revision of the document is finished, or not the one that was asked for.",
    advice: "Ask for the document's status; its content can be read once it is vectorized.",
  },
  batch_closed: {
    kind: "request",
    status: 409,
    title: "The batch is sealed or cancelled and takes no more documents.",
    advice: "Use another batch.",
  },
  reindex_model_unknown: {
    kind: "request",
    status: 409,
    title: "No embedder was ever started with this model.",
    advice: "Start the embedders and the gateway with EMBEDDING_NEXT_PROVIDER and its other settings first.",
  },
  reindex_open: {
    kind: "request",
    status: 409,
    title: "Another reindex of the organization is not over.",
    advice: "See `sluice reindex status`; wait for its window to close, or cancel it.",
  },
  reindex_needless: {
    kind: "request",
    status: 409,
    title: "The organization searches by this model already, or has no documents.",
    advice: "See `sluice reindex status`.",
  },
  reindex_not_possible: {
    kind: "request",
    status: 409,
    title: "No reindex of the organization is in a state for that.",
    advice: "One that has flipped can be rolled back; one that has not, or was rolled back, can be cancelled.",
  },
  rate_limited: {
    kind: "request",
    status: 429,
    title: "Too many requests.",
    advice: "Send on after the time in Retry-After; RateLimit-Policy says how many are taken.",
  },
  organization_backlog_full: {
    kind: "request",
    status: 429,
    title: "The organization has as many documents waiting as it may.",
    advice: "Send on after the time in Retry-After. See `cap`.",
  },
  organization_backlog_old: {
    kind: "request",
    status: 429,
    title: "The organization's oldest document has waited longer than more are taken.",
    advice: "Find out what holds it up (`sluice queues`), and send on after the time in Retry-After. See `cap`.",
  },
  backlog_full: {
    kind: "request",
    status: 503,
    title: "As many documents are waiting as the service takes.",
    advice: "Send on after the time in Retry-After. See `cap`.",
  },
  backlog_old: {
    kind: "request",
    status: 503,
    title: "The oldest document has waited longer than more are taken.",
    advice: "Send on after the time in Retry-After. See `cap`.",
  },
  webhook_target_refused: {
    kind: "request",
    status: 422,
    title: "Webhooks are not sent to this address.",
    advice: "Use https and a public address; WEBHOOK_ALLOW_PRIVATE lifts both.",
  },
  organization_ambiguous: {
    kind: "request",
    status: 400,
    title: "The person belongs to several organizations.",
    advice: "Name one in the X-Organization header.",
  },
} as const satisfies Record<string, CodeEntry>;

export type ErrorCode = keyof typeof table;
export const errorCodes = Object.keys(table) as ErrorCode[];

/** What is known of a code. An unknown one (written by a newer build) reads as `internal_error`. */
export function describeCode(code: string): CodeEntry & { code: string } {
  const entry: CodeEntry = code in table ? table[code as ErrorCode] : table.internal_error;
  return { code, ...entry };
}

/** A failure with a code. `cause` is kept for the log's error name; its message never leaves the process. */
export class SluiceError extends Error {
  readonly code: ErrorCode;
  readonly kind: FailureKind;
  /** For outages: how long to wait, in milliseconds, when the other side said so. */
  readonly retryAfterMs?: number;
  /** For requests: which fields were wrong. */
  readonly errors?: { path: string; message: string }[];
  /** For requests that came on top of too much: the configuration's name of what they exceed. */
  readonly cap?: string;

  constructor(
    code: ErrorCode,
    more: { cause?: unknown; retryAfterMs?: number; errors?: { path: string; message: string }[]; cap?: string } = {},
  ) {
    super(table[code].title, { cause: more.cause });
    this.name = "SluiceError";
    this.code = code;
    this.kind = table[code].kind;
    this.retryAfterMs = more.retryAfterMs;
    this.errors = more.errors;
    this.cap = more.cap;
  }
}

/** Any thrown value as a SluiceError; what is not one becomes `internal_error` with the value as its cause. */
export function toSluiceError(error: unknown): SluiceError {
  return error instanceof SluiceError ? error : new SluiceError("internal_error", { cause: error });
}
