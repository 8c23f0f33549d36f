/** Failed HTTP answers as errors. Upstream: client-go/rest/request.go transformResponse, errors.NewGenericServerResponse. */
import { type Status, StatusError, type StatusReason } from '../../apimachinery/index.ts';

const reasons: Readonly<Record<number, StatusReason>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  406: 'NotAcceptable',
  409: 'Conflict',
  410: 'Gone',
  413: 'RequestEntityTooLarge',
  415: 'UnsupportedMediaType',
  422: 'Invalid',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

const messages: Readonly<Record<number, string>> = {
  401: 'Unauthorized',
  404: 'the server could not find the requested resource',
  405: 'the server does not allow this method on the requested resource',
  415: 'the body of the request was in an unknown format',
  429: 'the server has received too many requests and has asked us to try again later',
  503: 'the server is currently unable to handle the request',
  504: 'the server was unable to return a response in the time allotted, but may still be processing the request',
};

/** The StatusError of an answer with code ≥ 400: its own Status, or one made from code and text. */
export function responseError(
  code: number,
  text: string,
  contentType: string,
  retryAfterSeconds?: number,
): StatusError {
  if (contentType.startsWith('application/json')) {
    try {
      const body = JSON.parse(text) as Status;
      if (body?.kind === 'Status') return new StatusError({ ...body, code: body.code ?? code });
    } catch {
      // Not the JSON it says it is: the text stands for itself below.
    }
  }
  const trimmed = text.trim().slice(0, 2048);
  const message =
    code >= 500 && trimmed !== ''
      ? `an error on the server (${JSON.stringify(trimmed)}) has prevented the request from succeeding`
      : (messages[code] ?? (trimmed || 'unknown'));
  return new StatusError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason: reasons[code] ?? '',
    details: {
      causes: [{ reason: 'UnexpectedServerResponse', message: trimmed || 'unknown' }],
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    },
    code,
  });
}

/** Texts of `Warning: 299 - "…"` headers. */
export function warningTexts(header: string | string[] | undefined): string[] {
  if (header === undefined) return [];
  const out: string[] = [];
  const text = Array.isArray(header) ? header.join(', ') : header;
  for (const match of text.matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g)) out.push(match[1]!.replace(/\\(.)/g, '$1'));
  return out;
}
