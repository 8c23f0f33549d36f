/** oclif's argument and flag makers, without the rest of its index: it would cost every command its load time. */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';

export { Args, Flags };
