/**
 * What a shell loads: `source <(klab completion bash)`. Each script hands the words up to the cursor to `klab __complete`
 * and turns its answer into the shell's own terms. The program asked is the one that was typed, so that a path or another
 * version completes itself; an alias (`alias k=klab; complete -o default -F __start_klab k`) asks klab.
 */
import { usageError } from '../write/usage.ts';
import { directive } from './answer.ts';

const bash = `# bash completion for klab. Load it with: source <(klab completion bash)

# Bash cuts words at ":" and "=" too; what no blank stands between is put together again, up to the cursor.
__klab_words() {
  local line i word blank
  words=()
  if [[ -z \${COMP_LINE-} ]]; then
    words=("\${COMP_WORDS[@]:0:COMP_CWORD+1}")
    return
  fi
  line=\${COMP_LINE:0:COMP_POINT}
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    blank=\${line%%[![:space:]]*}
    line=\${line#"$blank"}
    if ((i == COMP_CWORD)); then word=$line; else line=\${line#"$word"}; fi
    if [[ -z $blank ]] && ((i > 0)); then
      words[\${#words[@]}-1]+=$word
    else
      words+=("$word")
    fi
  done
}

__klab_options() {
  [[ $(type -t compopt) == builtin ]] && compopt "$@" 2>/dev/null
  return 0
}

__start_klab() {
  local words program i out line value current flag='' cut='' directive=0 width=0
  local values=() lines=()
  COMPREPLY=()
  __klab_words
  for ((i = 0; i < \${#words[@]}; i++)); do
    words[i]=\${words[i]//[\\\\\\"\\']/}
  done
  program=\${words[0]/#\\~/$HOME}
  [[ -n $(type -P -- "$program") ]] || program=klab
  out=$("$program" __complete "\${words[@]:1}" 2>/dev/null) || return 0
  while IFS= read -r line; do
    lines+=("$line")
  done <<< "$out"
  i=$((\${#lines[@]} - 1))
  directive=\${lines[i]#:}
  [[ $directive =~ ^[0-9]+$ ]] || return 0
  unset "lines[$i]"

  current=\${words[\${#words[@]}-1]}
  if [[ $current == --*=* ]]; then
    flag=\${current%%=*}=
    current=\${current#*=}
  fi
  # Of what is typed, bash replaces only what stands behind the last character that cuts words.
  case $COMP_WORDBREAKS in *:*) [[ $current == *:* ]] && cut=\${current%:*}: ;; esac
  case $COMP_WORDBREAKS in *=*) flag='' ;; esac

  if ((directive & ${directive.extensions})); then
    __klab_options -o filenames
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(
      compgen -d -- "$current"
      for line in "\${lines[@]}"; do compgen -f -X "!*.$line" -- "$current"; done
    )
    return 0
  fi
  if ((directive & ${directive.folders})); then
    __klab_options -o filenames
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen -d -- "$current")
    return 0
  fi

  ((directive & ${directive.noSpace})) && __klab_options -o nospace
  ((directive & ${directive.noFiles})) && __klab_options +o default
  for line in "\${lines[@]}"; do
    value=\${line%%$'\\t'*}
    # A name may hold anything; nothing of it may be taken for the shell's own.
    [[ $value =~ ^[A-Za-z0-9_./:=,@%+-]+$ ]] || printf -v value %q "$value"
    value=$flag$value
    values+=("\${value#"$cut"}")
    ((\${#values[\${#values[@]}-1]} > width)) && width=\${#values[\${#values[@]}-1]}
  done
  # A second Tab lists what there is (COMP_TYPE is "?"): descriptions are shown there, and nowhere else.
  if [[ \${COMP_TYPE-9} == 63 ]] && ((\${#values[@]} > 1)); then
    for ((i = 0; i < \${#values[@]}; i++)); do
      line=\${lines[i]}
      if [[ $line == *$'\\t'* ]]; then
        printf -v line '%-*s  (%s)' "$width" "\${values[i]}" "\${line#*$'\\t'}"
        values[i]=\${line:0:\${COLUMNS:-80}}
      fi
    done
  fi
  COMPREPLY=("\${values[@]}")
  return 0
}

complete -o default -F __start_klab klab
`;

const zsh = `#compdef klab
# zsh completion for klab. Load it with: source <(klab completion zsh)
# or put it into a file _klab in a folder of $fpath.

_klab() {
  local out line value description program=\${(Q)words[1]}
  local -a lines found arguments
  local -i directive
  arguments=("\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}")
  (( CURRENT > 2 )) || arguments=("\${(Q)PREFIX}")
  whence -p -- "\${program/#\\~/$HOME}" > /dev/null || program=klab
  out=$("\${program/#\\~/$HOME}" __complete "\${arguments[@]}" 2> /dev/null) || return 1
  lines=("\${(@f)out}")
  [[ \${lines[-1]} == :<-> ]] || return 1
  directive=\${lines[-1]#:}
  lines[-1]=()
  [[ $PREFIX == --*=* ]] && compset -P '--*='

  if (( directive & ${directive.extensions} )); then
    _files -g "*.(\${(j:|:)lines})"
    return
  fi
  if (( directive & ${directive.folders} )); then
    _files -/
    return
  fi
  for line in "\${lines[@]}"; do
    value=\${line%%$'\\t'*}
    value=\${value//\\\\/\\\\\\\\}
    value=\${value//:/\\\\:}
    if [[ $line == *$'\\t'* ]]; then
      found+=("$value:\${line#*$'\\t'}")
    else
      found+=("$value")
    fi
  done
  if (( \${#found} > 0 )); then
    if (( directive & ${directive.noSpace} )); then
      _describe -t klab klab found -S ''
    else
      _describe -t klab klab found
    fi
    return
  fi
  (( directive & ${directive.noFiles} )) || _files
}

# Loaded from $fpath, this file is the function's first run.
if [[ \${funcstack[1]} == _klab ]]; then
  _klab "$@"
elif (( \${+functions[compdef]} )); then
  compdef _klab klab
fi
`;

const fish = `# fish completion for klab. Load it with: klab completion fish | source

function __klab_complete
  set -l words (commandline -opc)
  set -l current (string unescape -- (commandline -ct))
  set -l program $words[1]
  type -q -- $program; or set program klab
  set -l lines ($program __complete $words[2..-1] "$current" 2>/dev/null)
  set -l directive (string replace -rf '^:(\\d+)$' '$1' -- $lines[-1])
  test -n "$directive"; or return 1
  set -e lines[-1]
  set -l flag ''
  if string match -q -- '--*=*' "$current"
    set flag (string replace -r '=.*' '=' -- "$current")
    set current (string replace -r '^[^=]*=' '' -- "$current")
  end
  if test (math "bitand($directive, ${directive.extensions})") -ne 0
    set -l wanted '(\\.('(string join '|' $lines)')|/)(\\t.*)?$'
    for file in (__fish_complete_path "$current")
      string match -qr -- $wanted "$file"; and printf '%s%s\\n' $flag $file
    end
    return
  end
  if test (math "bitand($directive, ${directive.folders})") -ne 0
    for file in (__fish_complete_directories "$current")
      printf '%s%s\\n' $flag $file
    end
    return
  end
  for line in $lines
    printf '%s%s\\n' $flag $line
  end
  if test (count $lines) -eq 0; and test (math "bitand($directive, ${directive.noFiles})") -eq 0
    for file in (__fish_complete_path "$current")
      printf '%s%s\\n' $flag $file
    end
  end
end

complete -c klab -e
complete -c klab -f -k -a '(__klab_complete)'
`;

const powershell = `# PowerShell completion for klab. Load it with: klab completion powershell | Out-String | Invoke-Expression

Register-ArgumentCompleter -Native -CommandName 'klab' -ScriptBlock {
  param($wordToComplete, $commandAst, $cursorPosition)

  # Words up to the cursor; the one it stands in is the last, empty after a blank.
  $words = @()
  foreach ($element in $commandAst.CommandElements | Select-Object -Skip 1) {
    if ($element.Extent.StartOffset -ge $cursorPosition) { break }
    $text = $element.Extent.Text
    $length = $cursorPosition - $element.Extent.StartOffset
    if ($text.Length -gt $length) { $text = $text.Substring(0, $length) }
    $words += $text.Trim("'", '"')
  }
  if ($wordToComplete -eq '') { $words += '' }
  $program = $commandAst.CommandElements[0].Extent.Text
  if (-not (Get-Command $program -CommandType Application, ExternalScript -ErrorAction SilentlyContinue)) { $program = 'klab' }
  # Before 7.3, PowerShell drops empty arguments unless they are quoted twice.
  if ($PSVersionTable.PSVersion -lt [version]'7.3.0' -or $PSNativeCommandArgumentPassing -eq 'Legacy') {
    $words = $words | ForEach-Object { if ($_ -eq '') { '""' } else { $_ } }
  }
  $lines = @(& $program __complete @words 2>$null)
  if ($lines.Count -eq 0 -or $lines[-1] -notmatch '^:(\\d+)$') { return }
  $directive = [int]$Matches[1]
  $flag = if ($wordToComplete -match '^(--[^=]+=)') { $Matches[1] } else { '' }
  $space = if ($directive -band ${directive.noSpace}) { '' } else { ' ' }
  if ($directive -band ${directive.extensions + directive.folders}) { return }
  $candidates = @($lines | Select-Object -SkipLast 1)
  if ($candidates.Count -eq 0 -and ($directive -band ${directive.noFiles})) { return '' }
  foreach ($line in $candidates) {
    $value, $description = $line -split "\`t", 2
    if (-not $description) { $description = $value }
    $inserted = $flag + $value
    if ($inserted -match '[^A-Za-z0-9_./:=,@%+-]') { $inserted = "'" + $inserted.Replace("'", "''") + "'" }
    [System.Management.Automation.CompletionResult]::new($inserted + $space, $value, 'ParameterValue', $description)
  }
}
`;

const scripts: Readonly<Record<string, string>> = { bash, zsh, fish, powershell };

export const completionShells: readonly string[] = Object.keys(scripts);

/** The script for a shell. @throws UserError in kubectl's words. */
export function completionScript(words: readonly string[]): string {
  const [shell, ...more] = words;
  if (shell === undefined) throw usageError('completion', 'Shell not specified.');
  if (more.length > 0) throw usageError('completion', 'Too many arguments. Expected only the shell type.');
  if (!Object.hasOwn(scripts, shell))
    throw usageError('completion', `Unsupported shell type ${JSON.stringify(shell)}.`);
  return scripts[shell]!;
}
