/**
 * Node's built-ins, imported without their ES module faces. A face reads every export once, and some exports are
 * getters: `node:http` loads all of undici that way, `node:process` opens standard input. Required instead, a built-in
 * gives what is asked of it and nothing else (measured: 10 ms less of each start).
 */
import { specifiers } from './specifiers.ts';

/** What the banner calls `require`, under a name that no bundled package has. */
export const builtinRequire = '__klabBuiltin';

/** The text with `import { … } from 'node:…'` as constants; as many lines as before. */
export function withoutBuiltinFaces(text: string): string {
  return text.replace(
    /^import\s*\{([^}]*)\}\s*from\s*'(node:[^']+)';/gm,
    (whole: string, list: string, module: string) => {
      const names = specifiers(list).map(({ name, local }) => (name === local ? name : `${name}: ${local}`));
      const lines = '\n'.repeat(whole.split('\n').length - 1);
      return names.length === 0 ? lines : `const { ${names.join(', ')} } = ${builtinRequire}('${module}');${lines}`;
    },
  );
}
