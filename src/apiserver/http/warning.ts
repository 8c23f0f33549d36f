/** Longest text of one Warning header. Upstream: maxWarningTextBytes of the warning filter, 256 when many are sent. */
const maxBytes = 4096;

/** `299 - "text"` as RFC 7234 writes it; control characters are dropped. Upstream: apimachinery/pkg/util/net NewWarningHeader. */
export function warningHeader(text: string): string {
  // Header values are bytes: UTF-8 goes out as such, which Node spells as latin1.
  const clean = text.replace(/[\u0000-\u001f\u007f]/g, '').slice(0, maxBytes);
  const quoted = clean.replace(/[\\"]/g, (c) => `\\${c}`);
  return `299 - "${Buffer.from(quoted, 'utf8').toString('latin1')}"`;
}
