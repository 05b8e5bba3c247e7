#!/usr/bin/env python3
"""Makes the manual pages and the shell completions of `vyre` from what the command says of itself.

Usage: manual.py VYRE CLI_PAGE OUT

VYRE is the built command, whose `--describe` lists its commands and options. CLI_PAGE is
docs/cli.md, from which the exit codes come. OUT gets man/vyre.1.gz, a man/vyre-COMMAND.1.gz for
each command, bash/vyre, zsh/_vyre and fish/vyre.fish. The same input gives the same bytes.
"""

import gzip
import json
import pathlib
import re
import shutil
import subprocess
import sys


def fail(text):
    sys.exit(f"manual.py: {text}")


def described(vyre):
    said = subprocess.run([vyre, "--describe"], capture_output=True, text=True, check=False)
    if said.returncode != 0:
        fail(f"'{vyre} --describe' ended with code {said.returncode}: {said.stderr.strip()}")
    vyre = json.loads(said.stdout)
    for command in [vyre, *vyre["commands"]]:
        for option in command["options"]:
            if option["value"] == "TEXT" or not option["description"]:
                fail(f"option {option['names'] or '?'} of {command['name']} needs a type name and "
                     "a description: add .type_name(...) where tools/ adds the option")
    shared = {name for option in vyre["options"] for name in option["names"]}
    for command in vyre["commands"]:
        # A command may give the short name of a shared option to one of its own.
        command["options"] = [o for o in command["options"]
                              if not o["names"] or not set(o["names"]) <= shared]
    return vyre


def exit_codes(page):
    """The rows of the table under "## Exit codes"."""
    found = re.search(r"^## Exit codes\n+\| code \| meaning \|\n\|[-|]+\|\n((?:\|.*\|\n)+)",
                      page.read_text(encoding="utf-8"), re.M)
    if not found:
        fail(f"{page} has no table of exit codes under '## Exit codes'")
    return [[cell.strip() for cell in row.strip("|").split("|")]
            for row in found[1].splitlines()]


# ---- What an option is, in words ---------------------------------------------------------------


def value_of(option):
    return "|".join(option["choices"]) or option["value"]


def kind_of(option):
    """What completes a value: "choices", "file", "directory" or "nothing"."""
    if option["choices"]:
        return "choices"
    kinds = {"FILE": "file", "PROGRAM": "file", "DIR": "directory"}
    return kinds.get(option["value"], "nothing")


def flags(command):
    return [o for o in command["options"] if not o["positional"]]


def arguments(command):
    return [o for o in command["options"] if o["positional"]]


def first_words(command):
    """What the first argument of a command may be, beside a file."""
    first = arguments(command)[:1]
    return first[0]["words"] or first[0]["choices"] if first else []


def last_kind(command):
    """What completes further arguments; first_words() has the choices of the first."""
    kind = kind_of(arguments(command)[-1]) if arguments(command) else "nothing"
    return "nothing" if kind == "choices" else kind


def sentence(text):
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


# ---- Manual pages ------------------------------------------------------------------------------


def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq")
    return "\\&" + text if text.startswith(".") else text


def synopsis(command):
    words = [f"\\fBvyre {roff(command['name'])}\\fR"]
    for option in flags(command):
        if option["required"]:
            words.append(f"\\fB{roff(option['names'][-1])}\\fR \\fI{roff(value_of(option))}\\fR")
    words.append("[\\fIOPTION\\fR]...")
    for option in arguments(command):
        word = f"\\fI{roff(option['value'])}\\fR"
        words.append((word if option["required"] else f"[{word}]") +
                     ("..." if option["many"] else ""))
    return " ".join(words)


def option_entry(option):
    value = f" \\fI{roff(value_of(option))}\\fR" if option["value"] else ""
    names = ", ".join(f"\\fB{roff(name)}\\fR" for name in option["names"])
    if option["positional"]:
        names, value = f"\\fI{roff(option['value'])}\\fR", ""
    text = roff(sentence(option["description"]))
    if option["required"] and not option["positional"]:
        text += " Must be given."
    if option["many"] and not option["positional"]:
        text += " May be given more than once."
    if option["default"] is not None:
        text += f" Default: {roff(option['default'])}."
    return f".TP\n{names}{value}\n{text}\n"


def page(vyre, name, what, body, also):
    title = name.upper().replace("-", "\\-")
    see = ",\n".join(f".BR {roff(other)} (1)" for other in also)
    return (".\\\" Made by tools/manual.py from the option list of vyre.\n"
            f".TH {title} 1 \"\" \"vyre {vyre['version']}\" \"User Commands\"\n"
            f".SH NAME\n{roff(name)} \\- {roff(what)}\n"
            f"{body}.SH SEE ALSO\n{see}\n")


def manual_pages(vyre, codes):
    name, _, what = vyre["description"].partition(": ")
    common = "".join(option_entry(o) for o in flags(vyre))
    exits = ".SH EXIT STATUS\n" + "".join(f".TP\n.B {roff(code)}\n{roff(sentence(text))}\n"
                                         for code, text in codes)
    names = [f"vyre-{command['name']}" for command in vyre["commands"]]
    body = (".SH SYNOPSIS\n\\fBvyre\\fR [\\fIOPTION\\fR]... \\fICOMMAND\\fR [\\fIARGUMENT\\fR]...\n"
            f".SH DESCRIPTION\n{roff(sentence(what))}\n"
            "A program is VIR0 bytecode, as a wire blob or as text; its first bytes tell which.\n"
            "It runs on a GPU that stays busy or on CPU threads, with the same result.\n"
            "Results go to standard output and everything else to standard error.\n"
            ".SH COMMANDS\n")
    for command in vyre["commands"]:
        body += (f".TP\n.B {roff(command['name'])}\n{roff(sentence(command['description']))}\n")
    body += f".SH OPTIONS\nEvery command takes these options, too.\n{common}{exits}"
    pages = {"vyre.1": page(vyre, "vyre", what, body, names)}
    for command in vyre["commands"]:
        body = f".SH SYNOPSIS\n{synopsis(command)}\n.SH DESCRIPTION\n"
        body += f"{roff(sentence(command['description']))}\n"
        if arguments(command):
            body += "".join(option_entry(o) for o in arguments(command))
        body += ".SH OPTIONS\n" + "".join(option_entry(o) for o in flags(command))
        body += f".SS Options of all commands\n{common}{exits}"
        pages[f"vyre-{command['name']}.1"] = page(
            vyre, f"vyre-{command['name']}", command["description"], body, ["vyre"])
    return pages


# ---- Completions -------------------------------------------------------------------------------


def one_quoted(text):
    """In single quotes, for bash and zsh."""
    return "'" + text.replace("'", "'\\''") + "'"


def bash(vyre):
    cases = ""
    for command in [dict(vyre, name=""), *vyre["commands"]]:
        for option in flags(command):
            if option["value"] is None:
                continue
            names = "|".join(f"{command['name']}:{name}" for name in option["names"])
            words = " ".join(option["choices"])
            cases += f"    {names}) kind={kind_of(option)} words={one_quoted(words)} ;;\n"
    lists = ""
    for command in vyre["commands"]:
        names = " ".join(name for option in flags(command) for name in option["names"])
        kind = last_kind(command)
        first = " ".join(first_words(command))
        lists += (f"    {command['name']}) names={one_quoted(names)} kind={kind} "
                  f"first={one_quoted(first)} ;;\n")
    return f'''# Completion of vyre for bash. Made by tools/manual.py from the option list of vyre.

# Sets kind and words to what completes the value of option $2 of command $1; fails for an option
# without a value. Options of all commands stand under no command.
_vyre_value() {{
  case "$1:$2" in
{cases}    *) return 1 ;;
  esac
}}

_vyre() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} command= option= word names= kind=nothing words=
  local first= place=0
  local i
  # The command, and the option whose value is being written. Readline splits --option=value in
  # three words.
  for ((i = 1; i < COMP_CWORD; ++i)); do
    word=${{COMP_WORDS[i]}}
    if [[ -n $option ]]; then
      [[ $word == = ]] || option=
    elif [[ $word == -* ]]; then
      if _vyre_value "$command" "$word" || _vyre_value "" "$word"; then option=$word; fi
    elif [[ -z $command ]]; then
      command=$word
    else
      place=$((place + 1))
    fi
  done
  [[ $current == = ]] && current=
  kind=nothing words=
  if [[ -n $option ]]; then
    _vyre_value "$command" "$option" || _vyre_value "" "$option"
  elif [[ -z $command ]]; then
    kind=choices words={one_quoted(" ".join(c["name"] for c in vyre["commands"]))}
  else
    case $command in
{lists}    esac
  fi
  if [[ -z $option && $current == -* ]]; then
    kind=choices
    words="$names {" ".join(name for option in flags(vyre) for name in option["names"])}"
  fi
  COMPREPLY=()
  case $kind in
    choices) mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current") ;;
    file) mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    directory) mapfile -t COMPREPLY < <(compgen -d -- "$current") ;;
  esac
  if [[ -z $option && $place == 0 && $current != -* ]]; then
    mapfile -t words < <(compgen -W "$first" -- "$current")
    COMPREPLY+=("${{words[@]}}")
  fi
  if [[ $kind == file || $kind == directory ]]; then compopt -o filenames 2>/dev/null; fi
  return 0
}}
complete -F _vyre vyre
'''


def zsh_spec(option):
    words = {"choices": "(" + " ".join(option["choices"]) + ")", "file": "_files",
             "directory": "_files -/", "nothing": " "}[kind_of(option)]
    action = f":{option['value'].partition(':')[0]}:{words}" if option["value"] else ""
    text = option["description"].replace("\\", "\\\\").replace(":", "\\:")
    if option["positional"]:
        place = "*" if option["many"] else ""
        if option["words"]:
            list_of = f"_alternative 'words:word:({' '.join(option['words'])})'"
            words = "{" + list_of + ("" if words == " " else f" 'files:file:{words}'") + "}"
        return one_quoted(f"{place}:{text}:{words}")
    text = text.replace("[", "\\[").replace("]", "\\]")
    star = "*" if option["many"] else ""
    return " ".join(one_quoted(f"{star}{name}{'=' if action and name.startswith('--') else ''}"
                               f"[{text}]{action}") for name in option["names"])


def zsh(vyre):
    common = " \\\n    ".join(zsh_spec(option) for option in flags(vyre))
    names = "\n".join("    " + one_quoted(f"{c['name']}:{c['description']}")
                      for c in vyre["commands"])
    cases = ""
    for command in vyre["commands"]:
        specs = " \\\n        ".join(zsh_spec(option) for option in command["options"])
        cases += (f"    {command['name']})\n"
                  f"      _arguments -s \"${{common[@]}}\" \\\n        {specs} ;;\n")
    return f'''#compdef vyre
# Completion of vyre for zsh. Made by tools/manual.py from the option list of vyre.

_vyre() {{
  local curcontext="$curcontext" state line
  local -a common commands
  typeset -A opt_args
  common=({common})
  commands=(
{names}
  )
  _arguments -C "${{common[@]}}" '1: :->command' '*:: :->argument' && return
  if [[ $state == command ]]; then
    _describe 'command of vyre' commands
    return
  fi
  case $words[1] in
{cases}  esac
}}

_vyre "$@"
'''


def fish(vyre):
    def quoted(text):
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

    def option_line(condition, option):
        line = f"complete -c vyre{condition}"
        for name in option["names"]:
            line += f" -l {name[2:]}" if name.startswith("--") else f" -s {name[1:]}"
        kind = kind_of(option)
        if option["value"] is not None:
            line += {"choices": f" -x -a {quoted(' '.join(option['choices']))}", "file": " -r -F",
                     "directory": " -x -a '(__fish_complete_directories)'",
                     "nothing": " -x"}[kind]
        return line + f" -d {quoted(option['description'])}\n"

    with_value = " ".join(name for o in flags(vyre) if o["value"] for name in o["names"])
    text = ("# Completion of vyre for fish. Made by tools/manual.py from the option list of vyre.\n"
            "\n"
            "# Whether the command before the cursor is this one; \"\": there is none yet.\n"
            "function __vyre_command_is\n"
            "    set -l found\n"
            "    set -l is_value 0\n"
            "    for word in (commandline -opc)[2..-1]\n"
            "        if test $is_value = 1\n"
            "            set is_value 0\n"
            f"        else if contains -- $word {with_value}\n"
            "            set is_value 1\n"
            "        else if not string match -q -- '-*' $word\n"
            "            set found $word\n"
            "            break\n"
            "        end\n"
            "    end\n"
            "    test \"$found\" = \"$argv[1]\"\n"
            "end\n"
            "\n"
            "# Whether nothing but the command and options stands before the cursor.\n"
            "function __vyre_is_first\n"
            "    test (count (string match -v -- '-*' (commandline -opc)[2..-1])) = 1\n"
            "end\n"
            "\n"
            "complete -c vyre -f\n")
    for option in flags(vyre):
        text += option_line("", option)
    for command in vyre["commands"]:
        text += (f"complete -c vyre -n '__vyre_command_is \"\"' -a {command['name']} "
                 f"-d {quoted(command['description'])}\n")
    for command in vyre["commands"]:
        condition = f" -n '__vyre_command_is {command['name']}'"
        for option in flags(command):
            text += option_line(condition, option)
        if arguments(command):
            files = {"file": "-F", "directory": "-a '(__fish_complete_directories)'",
                     "nothing": "-f"}
            text += f"complete -c vyre{condition} {files[last_kind(command)]}\n"
        if first_words(command):
            first = f" -n '__vyre_command_is {command['name']}; and __vyre_is_first'"
            text += f"complete -c vyre{first} -a {quoted(' '.join(first_words(command)))}\n"
    return text


def main():
    if len(sys.argv) != 4:
        fail("usage: manual.py VYRE CLI_PAGE OUT")
    vyre = described(sys.argv[1])
    out = pathlib.Path(sys.argv[3])
    shutil.rmtree(out, ignore_errors=True)  # also the pages of commands that are no more
    files = {"bash/vyre": bash(vyre), "zsh/_vyre": zsh(vyre), "fish/vyre.fish": fish(vyre)}
    for name, text in manual_pages(vyre, exit_codes(pathlib.Path(sys.argv[2]))).items():
        files[f"man/{name}.gz"] = gzip.compress(text.encode(), mtime=0)
    for name, content in files.items():
        path = out / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


if __name__ == "__main__":
    main()
