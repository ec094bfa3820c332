// Generated from the migrated database by infra/generate-types.mjs.

export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[];

export type Database = {
  public: {
    Tables: Record<never, never>;
    Views: Record<never, never>;
    Functions: {
      sluice_accept_documents: {
        Args: { p_organization: string; p_caller: Json; p_items: Json; p_window: number };
        Returns: Json;
      };
      sluice_accept_invitation: {
        Args: { p_hash: string; p_user: string; p_origin: Json };
        Returns: Json;
      };
      sluice_accept_uploads: {
        Args: { p_organization: string; p_caller: Json; p_items: Json; p_window: number };
        Returns: Json;
      };
      sluice_acquire_lease: {
        Args: { p_name: string; p_holder: string; p_ttl_ms: number };
        Returns: number;
      };
      sluice_api_keys: {
        Args: { p_organization: string; p_caller: Json; p_before_at: string; p_before_id: string; p_limit: number };
        Returns: Json;
      };
      sluice_audit: {
        Args: { p_organization: string; p_caller: Json; p_filter: Json; p_before: number; p_limit: number };
        Returns: Json;
      };
      sluice_audit_chain: {
        Args: { p_after: number; p_limit: number };
        Returns: Json;
      };
      sluice_audit_loose: {
        Args: { p_after: number; p_limit: number };
        Returns: Json;
      };
      sluice_audit_unsealed: {
        Args: { p_known_seq: number; p_limit: number };
        Returns: Json;
      };
      sluice_authenticate_key: {
        Args: { p_hash: string };
        Returns: Json;
      };
      sluice_batch_action: {
        Args: { p_organization: string; p_caller: Json; p_batch: string; p_action: string; p_expected: number; p_limit: number };
        Returns: Json;
      };
      sluice_beat: {
        Args: { p_object_path: string; p_content_hash: string; p_byte_length: number };
        Returns: Json;
      };
      sluice_begin_request: {
        Args: { p_organization: string; p_key: string; p_fingerprint: string; p_stale_ms: number };
        Returns: Json;
      };
      sluice_begin_stage: {
        Args: { p_items: Json; p_queue: string; p_worker: string; p_lease_ms: number; p_max_deaths: number; p_model?: string; p_alone?: boolean; p_version?: string };
        Returns: Json;
      };
      sluice_breakers: {
        Args: Record<PropertyKey, never>;
        Returns: Json;
      };
      sluice_build_vector_index: {
        Args: { p_model: string };
        Returns: string;
      };
      sluice_cancel_step: {
        Args: { p_limit: number };
        Returns: number;
      };
      sluice_change_member: {
        Args: { p_organization: string; p_caller: Json; p_user: string; p_role: string };
        Returns: Json;
      };
      sluice_check_session: {
        Args: { p_session: string; p_user: string; p_idle_seconds: number };
        Returns: boolean;
      };
      sluice_chunks_to_embed: {
        Args: { p_organization: string; p_ingestion: string; p_generation: number; p_model: string; p_after: number; p_limit: number };
        Returns: Json;
      };
      sluice_claim_reindex: {
        Args: { p_models: string[]; p_worker: string; p_lease_ms: number; p_limit: number };
        Returns: Json;
      };
      sluice_collect_deliveries: {
        Args: { p_limit: number };
        Returns: number;
      };
      sluice_count_attempt: {
        Args: { p_items: Json };
        Returns: number;
      };
      sluice_create_api_key: {
        Args: { p_organization: string; p_name: string; p_prefix: string; p_hash: string; p_scopes: string[]; p_expires_at?: string };
        Returns: string;
      };
      sluice_create_batch: {
        Args: { p_organization: string; p_caller: Json; p_name: string; p_expected?: number };
        Returns: Json;
      };
      sluice_create_organization: {
        Args: { p_name: string };
        Returns: string;
      };
      sluice_create_webhook: {
        Args: { p_organization: string; p_caller: Json; p_url: string; p_events: string[]; p_secret: string };
        Returns: Json;
      };
      sluice_dead_letters: {
        Args: { p_organization: string; p_caller: Json; p_filter: Json; p_before_at: string; p_before_id: string; p_limit: number };
        Returns: Json;
      };
      sluice_decide_dead_letters: {
        Args: { p_organization: string; p_caller: Json; p_decision: string; p_ids: string[]; p_filter: Json; p_reason: string; p_limit: number };
        Returns: Json;
      };
      sluice_delete_document: {
        Args: { p_organization: string; p_caller: Json; p_document: string };
        Returns: Json;
      };
      sluice_delete_webhook: {
        Args: { p_organization: string; p_caller: Json; p_webhook: string };
        Returns: Json;
      };
      sluice_descendants: {
        Args: { p_organization: string; p_ingestion: string; p_generation: number };
        Returns: Json;
      };
      sluice_dispatch: {
        Args: { p_limit: number; p_window: number; p_organizations?: string[] };
        Returns: Json;
      };
      sluice_document_access: {
        Args: { p_organization: string; p_caller: Json; p_document: string };
        Returns: Json;
      };
      sluice_document_events: {
        Args: { p_organization: string; p_caller: Json; p_document: string; p_after_xid: string; p_after_id: number; p_limit: number };
        Returns: Json;
      };
      sluice_end_reindex: {
        Args: { p_organization: string; p_caller: Json; p_action: string; p_accept_missing: boolean };
        Returns: Json;
      };
      sluice_end_sessions: {
        Args: { p_user: string; p_session: string; p_which: string; p_action: string; p_origin: Json };
        Returns: number;
      };
      sluice_estimate_reindex: {
        Args: { p_organization: string; p_caller: Json; p_model: string };
        Returns: Json;
      };
      sluice_events_since: {
        Args: { p_xid: string; p_id: number; p_limit: number };
        Returns: Json;
      };
      sluice_expire_deliveries: {
        Args: { p_days: number; p_limit: number };
        Returns: number;
      };
      sluice_expire_idempotency_keys: {
        Args: Record<PropertyKey, never>;
        Returns: undefined;
      };
      sluice_expire_reservations: {
        Args: { p_limit: number };
        Returns: number;
      };
      sluice_expire_sessions: {
        Args: { p_limit: number };
        Returns: number;
      };
      sluice_expire_uploads: {
        Args: Record<PropertyKey, never>;
        Returns: undefined;
      };
      sluice_fail_stage: {
        Args: { p_organization: string; p_ingestion: string; p_generation: number; p_worker: string; p_code: string; p_max_attempts: number; p_delay_ms: number; p_duration_ms: number };
        Returns: string;
      };
      sluice_find_api_keys: {
        Args: { p_hash_start: string };
        Returns: Json;
      };
      sluice_find_vectors: {
        Args: { p_model: string; p_items: Json };
        Returns: Json;
      };
      sluice_finish_request: {
        Args: { p_organization: string; p_key: string; p_status: number; p_response: Json };
        Returns: undefined;
      };
      sluice_fold_tallies: {
        Args: { p_limit: number };
        Returns: number;
      };
      sluice_forgive_attempt: {
        Args: { p_forget: string[]; p_less: string[] };
        Returns: undefined;
      };
      sluice_get_batch: {
        Args: { p_organization: string; p_caller: Json; p_batch: string };
        Returns: Json;
      };
      sluice_get_document: {
        Args: { p_organization: string; p_caller: Json; p_document: string };
        Returns: Json;
      };
      sluice_hand_back: {
        Args: { p_items: Json; p_worker: string; p_delay_ms: number; p_code?: string; p_cause?: string; p_everybody?: boolean; p_at_once?: boolean };
        Returns: number;
      };
      sluice_hand_over: {
        Args: { p_organization: string; p_ingestion: string; p_generation: number; p_worker: string; p_queue: string; p_duration_ms: number };
        Returns: Json;
      };
      sluice_heartbeat: {
        Args: Record<PropertyKey, never>;
        Returns: Json;
      };
      sluice_hold_reindex: {
        Args: { p_reindex: string; p_worker: string; p_lease_ms: number };
        Returns: undefined;
      };
      sluice_invitations: {
        Args: { p_organization: string; p_caller: Json; p_before_at: string; p_before_id: string; p_limit: number };
        Returns: Json;
      };
      sluice_invite: {
        Args: { p_organization: string; p_caller: Json; p_email: string; p_role: string; p_hash: string; p_days: number };
        Returns: Json;
      };
      sluice_issue_api_key: {
        Args: { p_organization: string; p_caller: Json; p_name: string; p_prefix: string; p_hash: string; p_scopes: string[]; p_expires_at: string };
        Returns: Json;
      };
      sluice_keep_vectors: {
        Args: { p_model: string; p_request: string; p_tokens: number; p_latency_ms: number; p_items: Json };
        Returns: Json;
      };
      sluice_kept_models: {
        Args: { p_models: string[] };
        Returns: Json;
      };
      sluice_ledger: {
        Args: { p_organization: string; p_batch?: string };
        Returns: Json;
      };
      sluice_ledger_check: {
        Args: { p_organization: string; p_limit?: number };
        Returns: Json;
      };
      sluice_list_api_keys: {
        Args: { p_organization: string; p_before_at: string; p_before_id: string; p_limit: number };
        Returns: Json;
      };
      sluice_list_batches: {
        Args: { p_organization: string; p_caller: Json; p_before_at: string; p_before_id: string; p_limit: number };
        Returns: Json;
      };
      sluice_list_members: {
        Args: { p_organization: string; p_before_at: string; p_before_id: string; p_limit: number };
        Returns: Json;
      };
      sluice_list_organizations: {
        Args: { p_after?: string; p_limit?: number };
        Returns: Json;
      };
      sluice_load: {
        Args: { p_organization: string };
        Returns: Json;
      };
      sluice_members: {
        Args: { p_organization: string; p_caller: Json; p_before_at: string; p_before_id: string; p_limit: number };
        Returns: Json;
      };
      sluice_memberships: {
        Args: { p_user: string };
        Returns: Json;
      };
      sluice_next_stranded: {
        Args: { p_grace_ms: number; p_limit: number };
        Returns: Json;
      };
      sluice_note_failed_sign_in: {
        Args: { p_email: string; p_origin: Json };
        Returns: undefined;
      };
      sluice_note_refusal: {
        Args: { p_organization: string; p_caller: Json; p_action: string; p_ids: string[] };
        Returns: Json;
      };
      sluice_note_stranger: {
        Args: { p_hash: string; p_from: Json; p_action: string };
        Returns: undefined;
      };
      sluice_objects_erased: {
        Args: { p_paths: string[] };
        Returns: undefined;
      };
      sluice_objects_to_erase: {
        Args: { p_limit: number };
        Returns: Json;
      };
      sluice_obsolete_jobs: {
        Args: { p_items: Json };
        Returns: Json;
      };
      sluice_open_session: {
        Args: { p_session: string; p_user: string; p_idle_seconds: number; p_most_seconds: number; p_origin: Json };
        Returns: boolean;
      };
      sluice_organizations_of: {
        Args: { p_user: string };
        Returns: Json;
      };
      sluice_original: {
        Args: { p_organization: string; p_caller: Json; p_document: string; p_revision: number };
        Returns: Json;
      };
      sluice_orphaned_objects: {
        Args: { p_grace_ms: number; p_limit: number };
        Returns: Json;
      };
      sluice_pause_queues: {
        Args: { p_organization: string; p_caller: Json; p_queues: string[]; p_paused: boolean };
        Returns: Json;
      };
      sluice_place_member: {
        Args: { p_organization: string; p_user: string; p_role: string };
        Returns: Json;
      };
      sluice_put_chunks: {
        Args: { p_organization: string; p_ingestion: string; p_generation: number; p_part: number; p_chunks: Json };
        Returns: string;
      };
      sluice_put_embeddings: {
        Args: { p_model: string; p_items: Json };
        Returns: number;
      };
      sluice_put_parsed: {
        Args: { p_organization: string; p_ingestion: string; p_generation: number; p_part: number; p_rows: Json };
        Returns: string;
      };
      sluice_put_recognised: {
        Args: { p_organization: string; p_ingestion: string; p_generation: number; p_engine: string; p_page: number; p_result: Json };
        Returns: string;
      };
      sluice_query_documents: {
        Args: { p_organization: string; p_caller: Json; p_filter: Json; p_before_at: string; p_before_id: string; p_limit: number };
        Returns: Json;
      };
      sluice_queues: {
        Args: { p_organization: string; p_caller: Json };
        Returns: Json;
      };
      sluice_read_content: {
        Args: { p_organization: string; p_caller: Json; p_document: string; p_what: string; p_revision: number; p_after: number; p_limit: number };
        Returns: Json;
      };
      sluice_recognised: {
        Args: { p_organization: string; p_ingestion: string; p_generation: number; p_engine: string; p_page: number };
        Returns: Json;
      };
      sluice_record_usage: {
        Args: { p_organization: string; p_provider: string; p_model: string; p_inputs: number; p_tokens: number; p_latency_ms: number };
        Returns: undefined;
      };
      sluice_recount_state: {
        Args: Record<PropertyKey, never>;
        Returns: Json;
      };
      sluice_recount_step: {
        Args: { p_limit: number };
        Returns: Json;
      };
      sluice_recount_tallies: {
        Args: Record<PropertyKey, never>;
        Returns: Json;
      };
      sluice_redeliver: {
        Args: { p_organization: string; p_caller: Json; p_delivery: string };
        Returns: Json;
      };
      sluice_refused_callers: {
        Args: { p_items: Json };
        Returns: Json;
      };
      sluice_register_model: {
        Args: { p_id: string; p_provider: string; p_name: string; p_dimensions: number; p_lexical: boolean; p_usd_per_million?: number };
        Returns: undefined;
      };
      sluice_reindex_step: {
        Args: { p_limit: number };
        Returns: Json;
      };
      sluice_reindexes: {
        Args: { p_organization: string; p_caller: Json };
        Returns: Json;
      };
      sluice_release_embedding: {
        Args: { p_request: string; p_presumed: boolean; p_latency_ms: number };
        Returns: undefined;
      };
      sluice_release_lease: {
        Args: { p_name: string; p_holder: string };
        Returns: undefined;
      };
      sluice_remove_member: {
        Args: { p_organization: string; p_caller: Json; p_user: string };
        Returns: Json;
      };
      sluice_renew_leases: {
        Args: { p_items: Json; p_worker: string; p_lease_ms: number };
        Returns: Json;
      };
      sluice_reprocess: {
        Args: { p_organization: string; p_caller: Json; p_document: string };
        Returns: Json;
      };
      sluice_request_uploads: {
        Args: { p_organization: string; p_caller: Json; p_paths: string[] };
        Returns: Json;
      };
      sluice_requeue: {
        Args: { p_items: Json; p_max_deaths: number };
        Returns: Json;
      };
      sluice_reserve_embedding: {
        Args: { p_request: string; p_provider: string; p_model: string; p_shares: Json; p_ttl_ms: number };
        Returns: Json;
      };
      sluice_restrict_document: {
        Args: { p_organization: string; p_caller: Json; p_document: string; p_subjects: Json };
        Returns: Json;
      };
      sluice_reviews: {
        Args: { p_organization: string; p_caller: Json; p_before_at: string; p_before_id: string; p_limit: number };
        Returns: Json;
      };
      sluice_revoke_api_key: {
        Args: { p_organization: string; p_key: string };
        Returns: boolean;
      };
      sluice_seal_audit: {
        Args: { p_seq: number; p_mac: string; p_seals: Json };
        Returns: Json;
      };
      sluice_seal_chunks: {
        Args: { p_organization: string; p_ingestion: string; p_generation: number; p_worker: string; p_parts: number; p_summary: Json; p_duration_ms: number; p_last?: Json };
        Returns: Json;
      };
      sluice_seal_embed: {
        Args: { p_organization: string; p_ingestion: string; p_generation: number; p_worker: string; p_model: string; p_duration_ms: number; p_last?: Json };
        Returns: Json;
      };
      sluice_seal_parse: {
        Args: { p_organization: string; p_ingestion: string; p_generation: number; p_worker: string; p_parts: number; p_summary: Json; p_duration_ms: number; p_last?: Json };
        Returns: Json;
      };
      sluice_search: {
        Args: { p_organization: string; p_caller: Json; p_query: string; p_mode: string; p_vector: string; p_model: string; p_filter: Json; p_limit: number; p_query_hash: string; p_options?: Json };
        Returns: Json;
      };
      sluice_sections_to_chunk: {
        Args: { p_organization: string; p_ingestion: string; p_generation: number; p_after: number; p_limit: number; p_length: number };
        Returns: Json;
      };
      sluice_sessions: {
        Args: { p_user: string };
        Returns: Json;
      };
      sluice_set_budget: {
        Args: { p_organization: string; p_caller: Json; p_budget: Json };
        Returns: Json;
      };
      sluice_set_member: {
        Args: { p_organization: string; p_user: string; p_role: string };
        Returns: undefined;
      };
      sluice_set_price: {
        Args: { p_organization: string; p_provider: string; p_model: string; p_usd_per_million: number; p_since: string };
        Returns: undefined;
      };
      sluice_settle_delivery: {
        Args: { p_organization: string; p_delivery: string; p_state: string; p_status: number; p_code: string; p_delay_ms: number };
        Returns: undefined;
      };
      sluice_settle_reindex: {
        Args: { p_reindex: string; p_worker: string; p_model: string; p_embedded: number; p_failed: Json; p_code: string; p_delay_ms: number };
        Returns: undefined;
      };
      sluice_settle_review: {
        Args: { p_organization: string; p_caller: Json; p_review: string };
        Returns: Json;
      };
      sluice_settle_standings: {
        Args: { p_limit: number };
        Returns: number;
      };
      sluice_start_reindex: {
        Args: { p_organization: string; p_caller: Json; p_model: string; p_window_seconds: number; p_accept_missing: boolean };
        Returns: Json;
      };
      sluice_stats: {
        Args: Record<PropertyKey, never>;
        Returns: Json;
      };
      sluice_stranded: {
        Args: { p_grace_ms: number; p_after_at: string; p_after_id: string; p_limit: number; p_organizations?: string[] };
        Returns: Json;
      };
      sluice_sweep_parts: {
        Args: { p_limit: number };
        Returns: number;
      };
      sluice_take_deliveries: {
        Args: { p_limit: number; p_each: number; p_lease_ms: number };
        Returns: Json;
      };
      sluice_touch_api_key: {
        Args: { p_organization: string; p_key: string };
        Returns: undefined;
      };
      sluice_touch_request: {
        Args: { p_organization: string; p_key: string };
        Returns: undefined;
      };
      sluice_usage: {
        Args: { p_organization: string; p_caller: Json; p_months: number };
        Returns: Json;
      };
      sluice_vector_indexes: {
        Args: Record<PropertyKey, never>;
        Returns: Json;
      };
      sluice_vector_recall: {
        Args: { p_model: string; p_samples: number };
        Returns: Json;
      };
      sluice_watch_failures: {
        Args: { p_window_ms: number; p_share: number; p_least: number; p_permanent: string[]; p_queues: Json };
        Returns: Json;
      };
      sluice_webhook_deliveries: {
        Args: { p_organization: string; p_caller: Json; p_webhook: string; p_before_at: string; p_before_id: string; p_limit: number };
        Returns: Json;
      };
      sluice_webhooks: {
        Args: { p_organization: string; p_caller: Json };
        Returns: Json;
      };
      sluice_why: {
        Args: { p_organization: string; p_caller: Json; p_document: string };
        Returns: Json;
      };
      sluice_withdraw_api_key: {
        Args: { p_organization: string; p_caller: Json; p_key: string };
        Returns: Json;
      };
      sluice_withdraw_invitation: {
        Args: { p_organization: string; p_caller: Json; p_invitation: string };
        Returns: Json;
      };
    };
    Enums: Record<never, never>;
    CompositeTypes: Record<never, never>;
  };
};
