/** What `klab cp` packs is what it unpacks. */
import { describe, expect, it } from 'vitest';
import { parseFileSpec } from '../../src/cli/stream/cp.ts';
import { parsePort } from '../../src/cli/stream/port-forward.ts';
import { readTar, type TarFile, tarEnd, tarEntry } from '../../src/cli/stream/tar.ts';

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

describe('cp and port-forward', () => {
  it('reads its own archives back, however they are cut', async () => {
    const long = `${'deep/'.repeat(30)}file`;
    const common = { mode: 0o644, mtime: 1_700_000_000 };
    const archive = Buffer.concat([
      ...tarEntry({ ...common, name: 'folder', type: 'directory' }),
      ...tarEntry({ ...common, name: long, type: 'file' }, Buffer.from('x'.repeat(513))),
      ...tarEntry({ ...common, name: 'link', type: 'symlink', linkName: long }),
      tarEnd,
    ]);
    for (const size of [1000, 7, archive.length]) {
      const entries: TarFile[] = [];
      for await (const entry of readTar(inPieces(archive, size))) entries.push(entry);
      expect(entries.map(({ name, type, data }) => [name, type, data.length])).toEqual([
        ['folder/', 'directory', 0],
        [long, 'file', 513],
        ['link', 'symlink', 0],
      ]);
      expect(entries[2]!.linkName).toBe(long);
    }
  });

  it('says when an archive ends within a file', async () => {
    const archive = Buffer.concat([...tarEntry({ name: 'a', type: 'file', mode: 0, mtime: 0 }, Buffer.alloc(600))]);
    const read = async () => {
      for await (const _ of readTar(inPieces(archive.subarray(0, 700), 100)));
    };
    await expect(read()).rejects.toThrow('unexpected EOF');
  });

  it('tells places in pods from places here', () => {
    expect(parseFileSpec('ns/pod:/a')).toEqual({ namespace: 'ns', pod: 'pod', file: '/a' });
    expect(parseFileSpec('pod:a')).toEqual({ pod: 'pod', file: 'a' });
    expect(parseFileSpec('./a')).toEqual({ file: './a' });
    expect(() => parseFileSpec(':a')).toThrow('filespec must match the canonical format');
  });

  it('turns ports of a service into those of its pod', () => {
    const pod = { kind: 'Pod', spec: { containers: [{ ports: [{ name: 'web', containerPort: 8080 }] }] } } as never;
    const service = {
      kind: 'Service',
      metadata: { name: 's' },
      spec: { ports: [{ port: 80, targetPort: 'web' }] },
    } as never;
    expect(parsePort('80', { object: service, pod })).toEqual({ local: 80, remote: 8080 });
    expect(parsePort(':80', { object: service, pod })).toEqual({ local: 0, remote: 8080 });
    expect(parsePort('9000:web', { object: pod, pod })).toEqual({ local: 9000, remote: 8080 });
    expect(() => parsePort('81', { object: service, pod })).toThrow('Service s does not have a service port 81');
  });
});
