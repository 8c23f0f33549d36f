import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bannedGlobals, exclusivePackages, rooms } from './rooms.ts';
import { roomOfPath, root, sourceFiles } from './source.ts';

const files = sourceFiles();

describe('arrows between rooms', () => {
  it('every source file lives in a room of the table', () => {
    expect([...new Set(files.map((file) => file.room))].filter((room) => !rooms[room])).toEqual([]);
  });

  it('a room imports only the rooms it may', () => {
    const wrong: string[] = [];
    for (const file of files) {
      const room = rooms[file.room];
      if (!room) continue;
      for (const { target, typeOnly } of file.imports) {
        if (target === undefined) continue;
        const other = roomOfPath(target);
        if (other === file.room || room.mayImport.includes(other)) continue;
        if (typeOnly && room.typesOf?.includes(other)) continue;
        wrong.push(`${file.path} → ${target}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('a room is entered through its front door', () => {
    const doors = new Set(['index.ts']);
    const wrong: string[] = [];
    for (const file of files) {
      for (const { target } of file.imports) {
        if (target === undefined || roomOfPath(target) === file.room) continue;
        const inside = target.split('/').slice(2).join('/');
        const sideDoor = sideDoors[target];
        if (!doors.has(inside) && !sideDoor?.includes(file.room)) wrong.push(`${file.path} → ${target}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('a controller never imports another', () => {
    const wrong: string[] = [];
    for (const file of files) {
      if (!file.path.startsWith('src/controllers/')) continue;
      const own = file.path.split('/')[2]!;
      if (own.endsWith('.ts')) continue;
      for (const { target } of file.imports) {
        if (!target?.startsWith('src/controllers/')) continue;
        const other = target.split('/')[2]!;
        if (other !== own && other !== 'common') wrong.push(`${file.path} → ${target}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('no import cycles between files', () => {
    const graph = new Map(
      files.map((file) => [file.path, file.imports.filter((i) => !i.typeOnly && i.target).map((i) => i.target!)]),
    );
    const state = new Map<string, 'open' | 'done'>();
    const cycles: string[] = [];
    const visit = (path: string, trail: string[]) => {
      if (state.get(path) === 'done') return;
      if (state.get(path) === 'open') {
        cycles.push([...trail.slice(trail.indexOf(path)), path].join(' → '));
        return;
      }
      state.set(path, 'open');
      for (const next of graph.get(path) ?? []) if (graph.has(next)) visit(next, [...trail, path]);
      state.set(path, 'done');
    };
    for (const path of graph.keys()) visit(path, []);
    expect(cycles).toEqual([]);
  });

  it('no room re-exports wholesale', () => {
    expect(files.filter((file) => /^export \*/m.test(file.code)).map((file) => file.path)).toEqual([]);
  });

  it('exclusive packages stay in their room', () => {
    const wrong: string[] = [];
    for (const file of files) {
      for (const { specifier, typeOnly } of file.imports) {
        for (const [name, { rooms: allowed }] of Object.entries(exclusivePackages)) {
          if (specifier !== name && !specifier.startsWith(`${name}/`)) continue;
          if (!allowed.includes(file.room) && !typeOnly) wrong.push(`${file.path} → ${specifier}`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });

  it('no global time or randomness outside base', () => {
    const wrong: string[] = [];
    for (const file of files) {
      if (file.room === 'base' || file.room === 'build') continue;
      file.code.split('\n').forEach((line, i) => {
        for (const { pattern, instead } of bannedGlobals) {
          if (pattern.test(line)) wrong.push(`${file.path}:${i + 1} ${line.trim()} (use ${instead})`);
        }
      });
    }
    expect(wrong).toEqual([]);
  });
});

/** Doors beside index.ts, each with who may use it: heavy halves of a room that the light half must not load. */
const sideDoors: Readonly<Record<string, readonly string[]>> = {
  'src/api/schema/builtin.ts': ['build'],
  'src/api/schema/overlay.ts': ['build'],
  // CEL: read only by what meets expressions.
  'src/apimachinery/cel/index.ts': ['api', 'apiserver', 'scheduler'],
  // Packets need a library: only what opens the door loads it.
  'src/dns/server.ts': ['cluster'],
  // The whole control plane, for `klab up --foreground` only: never part of what a client loads.
  'src/cluster/run-server.ts': ['cli'],
};

describe('rooms present themselves', () => {
  for (const name of Object.keys(rooms)) {
    if (name === 'commands' || name === 'build') continue;
    it(`${name} has an index with a doc comment and a README with a parity table`, () => {
      const folder = join(root, 'src', name);
      expect(existsSync(folder), `src/${name}`).toBe(true);
      if (name !== 'controllers') {
        expect(readFileSync(join(folder, 'index.ts'), 'utf8').startsWith('/**')).toBe(true);
      }
      const readme = readFileSync(join(folder, 'README.md'), 'utf8');
      for (const heading of ['What it is', 'How it works', 'Parity', 'Invariants']) {
        expect(readme, `src/${name}/README.md lacks "${heading}"`).toMatch(new RegExp(`^#+ .*${heading}`, 'm'));
      }
    });
  }

  it('ARCHITECTURE.md shows the same table', () => {
    const text = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8');
    for (const [name, room] of Object.entries(rooms)) {
      const types = room.typesOf ? ` (types of ${room.typesOf.join(', ')})` : '';
      const arrows = room.mayImport.length > 0 ? room.mayImport.join(', ') : '–';
      expect(text).toContain(`| \`${name}\` | ${room.what} | ${arrows}${types} |`);
    }
  });
});
