import type { ErrorCode } from '../src/core/errors.ts'

/** What each code means to whoever reads it, and what to do. A code without a row does not compile. */
export const errorMeanings: Readonly<Record<ErrorCode, string>> = {
  invalid_json:
    'The body is no JSON; the message says where it stops making sense. Often a trailing comma, or a shell that ate the quotes.',
  invalid_encoding:
    'The body is not UTF-8, or not what its `content-encoding` says. Send UTF-8, and encode it once.',
  duplicate_key:
    'A name stands twice in one object. Two readers could see two requests, so none is taken.',
  too_deep: 'The body is nested deeper than any real request. Flatten it.',
  invalid_request:
    '`param` names the field, header or part of the address, the message says what it must be.',
  unsupported_parameter:
    'The provider that would answer has no such thing as `param`. The message says what would work instead; `drop_unsupported: true` at the provider leaves such fields out and names them in `x-sluice-dropped-params`.',
  virtual_key_required:
    'No virtual key was sent. The first one stands in `first-run.txt` in the data folder. The headers that are read: `Authorization: Bearer`, `x-bf-vk`, `x-api-key`, `api-key`, `x-goog-api-key`.',
  invalid_api_key:
    'The virtual key is unknown here or has expired, or the admin name or password is wrong. The message shows the ends of the key and the header it came in.',
  budget_exceeded:
    'The money of the key, its team or customer, or of the provider or model, is spent for this window. The message names which, and when the next one begins. Waiting less than that does not help.',
  model_unpriced:
    'The key has a budget and the model has no price, so what it costs could not be counted. Set a price under `prices`, or `unpriced: allow` in the budget.',
  key_disabled: 'The key exists and is switched off. The admin can switch it on.',
  model_not_allowed: "The model is not in the key's `models`. The message lists what is.",
  forbidden:
    'Known, but not allowed to do this: an admin route, choosing a provider key, or an anonymous caller from elsewhere.',
  model_not_found:
    'No model of that name. The message has the nearest one; `GET /v1/models` lists those this key may use.',
  unknown_route: 'There is nothing at this address. `GET /docs` describes every route.',
  job_not_found:
    'No async job that this key may see has the id: it is wrong, its result has expired, or another key submitted it. Which of these is not told.',
  not_found: 'What was asked of the management API for is not there, or was deleted.',
  method_not_allowed: 'The address is right, the method is not; `Allow` names those that are.',
  request_timeout: 'The request did not arrive in time. A slow or broken network on the way here.',
  job_terminal: 'The job is completed or has failed already, so there is nothing to cancel.',
  job_cancelled:
    'The answer of an async job that was cancelled. Submit it again if it is wanted after all.',
  managed_by_file:
    'It stands in the configuration file, and is changed there; the management API only shows it.',
  name_taken: 'Another one has that name already.',
  in_use: 'Something still belongs to it; the message names what. Delete or move that first.',
  version_conflict:
    'Somebody else has changed it since it was read (`If-Match`). Read it again, and change that.',
  request_too_large: 'The body is larger than `server.max_body`, decoded.',
  unsupported_media_type: 'Send `Content-Type: application/json`.',
  unsupported_encoding: 'Only `gzip`, `deflate`, `br` and `zstd` bodies are read, encoded once.',
  expectation_failed: 'An `Expect` header other than `100-continue`.',
  idempotency_key_reuse:
    'The `Idempotency-Key` came with another request before. Use a new key for each request, the same for its repeats.',
  headers_too_large: 'The headers are over 16 KiB together.',
  rate_limit_exceeded:
    'More calls than a limit allows. The message names whose limit it is; `retry-after` is when the next call fits.',
  token_limit_exceeded:
    'More tokens than a limit allows, counted from what was asked and corrected by what was used. Its code on the wire is `rate_limit_exceeded` with type `tokens`.',
  concurrency_exceeded:
    'As many calls are under way as a limit allows. Send the next one when one has ended.',
  async_queue_full:
    'As many async jobs wait as may (`jobs.queue_limit`, `jobs.per_key_queue_limit`, `jobs.queue_bytes`; the message says which). Nothing was accepted: submit again later.',
  login_throttled: 'Too many wrong admin passwords. Wait as long as `retry-after` says.',
  upstream_rate_limited:
    'The rate limit or the quota of the provider, in its words. Or it has asked for a pause that is not over, and is not asked meanwhile. `retry-after` is what is left to wait.',
  client_closed:
    'The caller went away before the answer was complete. Seen in log and metrics only.',
  outrun:
    'An attempt that was given up since another one of the same call answered first (`hedge`). Seen in log and metrics only.',
  internal_error:
    'A fault of the gateway. The log has the details under the `x-request-id`; please report it.',
  job_interrupted:
    'The gateway stopped while the provider worked on this async job, which was submitted with `x-bf-async-on-interrupt: fail`. The provider may have billed it.',
  poison:
    'The gateway stopped each time it ran this async job, as often as `jobs.max_attempts` allows. It is not run again.',
  key_revoked:
    'The virtual key that submitted this async job was removed, switched off or has expired before the job ran.',
  result_too_large:
    'The result of an async job is larger than `jobs.max_result`. It was made and is lost.',
  result_not_stored:
    'The result of an async job could not be written for ten minutes, so it is lost. The disk is full, or the store is down.',
  upstream_error:
    'The provider failed. Its status is kept where it is 500, 502, 503 or 504, any other becomes 502.',
  upstream_rejected:
    "The provider refuses the request itself. Status, message, `type`, `param` and `code` are the provider's, so `code` is rarely this one.",
  upstream_unreachable:
    'No connection, or one that closed before an answer. The message says why; look at `base_url`, DNS and proxies (`sluice check` shows them).',
  upstream_tls_error:
    "The provider's certificate is not trusted, has expired or has another name. A private authority goes under `tls.ca`.",
  upstream_invalid_response:
    'The provider answered with something that is no chat completion: HTML, broken JSON, too much, a body that breaks off.',
  upstream_redirect:
    'The provider answered with a redirect, which is never followed: it would carry the key along. Correct `base_url`.',
  upstream_auth_failed:
    "The provider refused the gateway's key, not the caller's. The message names provider and key; replace it in the configuration.",
  upstream_stream_truncated:
    'The stream broke off before it was finished. What came is what there is; it was not made to look whole.',
  upstream_timeout:
    'A time limit of the provider (`timeouts`) passed; the message says which. After the status is out this comes as a frame in the stream.',
  overloaded:
    'The gateway holds as many calls or as many bytes as it may (`server.max_in_flight`, `server.max_buffered`). Nothing was sent on.',
  storage_unavailable:
    'The data folder or its database cannot be read or written. Nothing is wrong with the key.',
  no_healthy_upstream:
    'The provider behind this name is gone; the configuration changed while the call came in.',
  gateway_shutdown:
    'The gateway is ending and gave up the calls that were left after `server.drain.grace`.',
}
