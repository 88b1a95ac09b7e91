import { plainCommand } from './command.ts'

const SHELLS = ['bash', 'zsh', 'fish'] as const

export const completionCommand = plainCommand({
  name: 'completion',
  describe: 'Script that completes commands and options in a shell',
  examples: [
    ['source <(stockpipe completion bash)', 'for this shell; in ~/.bashrc for all'],
    ['stockpipe completion fish > ~/.config/fish/completions/stockpipe.fish', 'for fish'],
  ],
  positional: { name: 'shell', describe: 'Shell', choices: SHELLS, isRequired: false },
  local: {},
  async run({ positional, print }) {
    const shell =
      SHELLS.find((name) => name === positional) ?? SHELLS.find((name) => process.env['SHELL']?.endsWith(name))
    await print(SCRIPTS[shell ?? 'bash'])
    return 0
  },
})

// SHELL tells the executable whose format to answer in, whatever the login shell is.
const SCRIPTS: Readonly<Record<(typeof SHELLS)[number], string>> = {
  bash: `# completion of stockpipe for bash
_stockpipe() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$(SHELL=bash stockpipe --get-yargs-completions "\${COMP_WORDS[@]:0:COMP_CWORD+1}" 2>/dev/null)" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o bashdefault -o default -F _stockpipe stockpipe
`,
  zsh: `#compdef stockpipe
_stockpipe() {
  local -a found
  found=("\${(@f)$(SHELL=zsh stockpipe --get-yargs-completions "\${words[@]:0:$CURRENT}" 2>/dev/null)}")
  if [[ -n "\${found[1]}" ]]; then _describe 'stockpipe' found; else _default; fi
}
if [[ "\${zsh_eval_context[-1]}" == loadautofunc ]]; then _stockpipe "$@"; else compdef _stockpipe stockpipe; fi
`,
  fish: `# completion of stockpipe for fish
complete -f -c stockpipe -a '(SHELL=fish stockpipe --get-yargs-completions (commandline -opc) (commandline -ct) 2>/dev/null)'
`,
}
