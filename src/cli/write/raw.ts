/** `--raw`: a file as it is, sent to a path; the answer as it is. Upstream: kubectl/pkg/rawhttp. */
import { UserError } from '../exit-codes.ts';
import { readSources } from '../manifests/sources.ts';
import type { Session } from '../session.ts';
import type { FileFlags } from './flags.ts';
import type { WriteIo } from './io.ts';

export interface RawFlags extends FileFlags {
  readonly raw?: string;
  readonly output?: string;
}

/** @throws UserError in kubectl's words; `files`: one is needed, or may be left out. */
export function checkRaw(flags: RawFlags, files: 'one' | 'optional'): void {
  const { filename = [], raw = '' } = flags;
  if (filename.length > 1 || (files === 'one' && filename.length === 0)) {
    throw new UserError('--raw can only use a single local file or stdin');
  }
  if (/^https?:\/\//.test(filename[0] ?? '')) throw new UserError('--raw cannot read from a url');
  if (flags.recursive) throw new UserError('--raw and --recursive are mutually exclusive');
  if (flags.output) throw new UserError('--raw and --output are mutually exclusive');
  if (!raw.startsWith('/')) {
    throw new UserError(`--raw must be a valid URL path: parse ${JSON.stringify(raw)}: invalid URI for request`);
  }
}

/** After `checkRaw`. The file is read before a cluster is booted. */
export async function sendRaw(
  method: 'POST' | 'PUT' | 'DELETE',
  flags: RawFlags,
  session: () => Promise<Session>,
  io: WriteIo,
): Promise<void> {
  const [source] = flags.filename?.length ? await readSources(flags.filename) : [];
  const { client, signal } = await session();
  const [path = '', query = ''] = flags.raw!.split(/\?(.*)/s);
  const answer = await client.transport.stream(
    client.prepare({
      method,
      path,
      query: Object.fromEntries(new URLSearchParams(query)),
      ...(source && { body: source.text }),
      signal,
    }),
  );
  const decoder = new TextDecoder();
  for await (const chunk of answer) io.write(decoder.decode(chunk, { stream: true }));
}
