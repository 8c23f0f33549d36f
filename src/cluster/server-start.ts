/**
 * What the launcher starts: turns on Node's cache of compiled code, then loads the server. Compiling its million bytes anew
 * is a fifth of a boot. Imports nothing statically, since that would be compiled first. The first
 * releases of Node 22 have no such cache.
 */
process.getBuiltinModule?.('node:module').enableCompileCache?.();
await import('./server-main.ts');
