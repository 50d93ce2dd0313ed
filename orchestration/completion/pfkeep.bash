# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Completion of pfkeep(1) for bash.

_pfkeep_words()
{
	mapfile -t COMPREPLY < <(compgen -W "$1" -- "${COMP_WORDS[COMP_CWORD]}")
}

_pfkeep_pfs()
{
	_pfkeep_words "$(pfkeep pf list 2>/dev/null | tail -n +2 | cut -d' ' -f1)"
}

_pfkeep_vfs()
{
	_pfkeep_words "$(pfkeep vf list 2>/dev/null | tail -n +2 | cut -d' ' -f1)"
}

_pfkeep_domains()
{
	_pfkeep_words "$(virsh -q list --all --name 2>/dev/null)"
}

_pfkeep_options()
{
	local common="--json --root --socket --help"

	case "$1 $2" in
	"doctor "*) _pfkeep_words "--qemu --connect $common" ;;
	"pf adopt") _pfkeep_words "--vfs --memory --image --name $common" ;;
	"pf release") _pfkeep_words "--force $common" ;;
	"pf restart") _pfkeep_words "--image --timeout $common" ;;
	"vmm-update "*) _pfkeep_words "--all --qemu --timeout --dry-run --connect $common" ;;
	"live-update "*) _pfkeep_words "--kernel --initrd --append --dry-run --carry $common" ;;
	"report "*) _pfkeep_words "--svg $common" ;;
	"vf list" | "vf assign") _pfkeep_words "--pf $common" ;;
	"vf set") _pfkeep_words "--mac --vlan --rate --trust --spoofchk $common" ;;
	*) _pfkeep_words "$common" ;;
	esac
}

_pfkeep()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local noun=${COMP_WORDS[1]} verb=${COMP_WORDS[2]}

	if ((COMP_CWORD == 1)); then
		_pfkeep_words "doctor pf vf vmm-update events metrics live-update report --help"
		return
	fi
	if [[ $cur == -* ]]; then
		_pfkeep_options "$noun" "$verb"
		return
	fi
	case "$noun $prev" in
	"pf pf") _pfkeep_words "list show adopt release restart set-vfs" ;;
	"vf vf") _pfkeep_words "list show set assign unassign" ;;
	*" --pf" | "doctor "*) _pfkeep_pfs ;;
	*" --trust" | *" --spoofchk") _pfkeep_words "on off" ;;
	*" --image" | *" --qemu" | *" --svg" | *" --kernel" | *" --initrd" | *" --carry" | *" --root" | *" --socket")
		mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	*" show" | *" adopt" | *" release" | *" restart" | *" set-vfs" | *" set" | *" unassign" | *" assign")
		if [[ $noun == pf ]]; then _pfkeep_pfs; else _pfkeep_vfs; fi ;;
	*) if [[ "$noun $verb" == "vf assign" || $noun == vmm-update ]]; then _pfkeep_domains; fi ;;
	esac
}

# BDFs hold colons, which readline takes for the end of a word.
COMP_WORDBREAKS=${COMP_WORDBREAKS//:/}
complete -F _pfkeep pfkeep
