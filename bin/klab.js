#!/usr/bin/env node
// Checks the Node version before anything else is loaded, in syntax that old versions can parse.
const major = Number(process.versions.node.split('.')[0]);
if (major < 22) {
  console.error(
    `klab needs Node 22 or newer; this is ${process.version} (${process.execPath}).\n` +
      'Install a newer Node, or in a checkout of klab run it through npm, which brings its own: npx klab …',
  );
  process.exit(1);
}
import('node:module')
  .then(({ default: module }) => {
    module.enableCompileCache?.();
    return import('../dist/klab.js');
  })
  .then(
    ({ main }) => main(),
    (error) => {
      if (error?.code === 'ERR_MODULE_NOT_FOUND' && String(error.message).includes('dist')) {
        console.error('klab is not built yet. Run: npm run build');
      } else {
        console.error(error);
      }
      process.exit(1);
    },
  );
