#!/bin/sh
# Installs what octet is built and tested with, where it is missing: Node.js, the RISC-V compiler and C library
# (Debian packages), and the npm packages of the lockfile. Without the right to install packages it prints the
# command that would, and exits with status 2. GDB, with which users debug firmware, is installed where that is
# possible: its tests are skipped without it, and say so.
#
# `install.sh --peers` installs besides, where apt offers them, what the long tests and the benchmarks compare with:
# QEMU, and LLVM 22. They are optional: without them the tests that need them are skipped, and say so.
set -eu
cd "$(dirname "$0")/.."

NODE_FLOOR=20.19

have() { command -v "$1" >/dev/null 2>&1; }

# The version of node, 0 when there is none.
node_version() { if have node; then node -p process.versions.node; else echo 0; fi; }

# at_least A B: whether version A is B or later.
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]; }

# The version of a package that apt would install, epoch and packaging revision removed; 0 when there is none.
apt_version() {
  version=$(apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: \([0-9]*:\)\{0,1\}\([0-9.]*\).*/\2/p')
  echo "${version:-0}"
}

has_picolibc() { echo | riscv64-unknown-elf-gcc --specs=picolibc.specs -E -x c - >/dev/null 2>&1; }

# Node.js of nodesource.com brings npm along; Debian's is a package of its own.
node_brings_npm() { apt-cache show nodejs 2>/dev/null | grep -q '^Provides:.* npm'; }

as_root=
if [ "$(id -u)" -ne 0 ]; then as_root='sudo '; fi
can_install() { have apt-get && { [ -z "$as_root" ] || { have sudo && sudo -n true 2>/dev/null; }; }; }

# Leaves the list of missing packages in $missing.
find_missing() {
  missing=
  at_least "$(node_version)" "$NODE_FLOOR" || missing="$missing nodejs"
  have npm || node_brings_npm || missing="$missing npm"
  have riscv64-unknown-elf-gcc || missing="$missing gcc-riscv64-unknown-elf"
  has_picolibc || missing="$missing picolibc-riscv64-unknown-elf"
  missing=${missing# }
}

# Ends with a sentence where neither apt nor this user can help.
refuse() {
  printf '%s Please run:\n\n  %s\n\nand then this command again.\n' "$1" "$2" >&2
  exit 2
}

# Installs the packages of $wanted that apt knows, all optional; a failure is a sentence, no error.
# install_optional TEXT: what comes of their absence.
install_optional() {
  if [ -z "$wanted" ]; then return; fi
  if ! can_install; then
    echo "not installed, and this user may not:$wanted; $1"
    return
  fi
  ${as_root}apt-get update -qq || true
  for package in $wanted; do
    if [ "$(apt_version "$package")" = 0 ]; then
      echo "apt offers no $package; $1"
    else
      echo "installing $package"
      ${as_root}env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$package" ||
        echo "$package could not be installed; $1"
    fi
  done
}

install_debugger() {
  wanted=
  have gdb-multiarch || wanted=' gdb-multiarch'
  install_optional 'debugging sessions need it, and tests of them are skipped'
}

install_peers() {
  wanted=
  have qemu-system-riscv32 || wanted="$wanted qemu-system-misc"
  have qemu-riscv32 || wanted="$wanted qemu-user"
  have llvm-mc-22 || wanted="$wanted llvm-22"
  have clang-22 || wanted="$wanted clang-22"
  have ld.lld-22 || wanted="$wanted lld-22"
  install_optional 'what compares with it is skipped'
}

find_missing
if [ -n "$missing" ] && can_install; then
  echo "installing $missing"
  ${as_root}apt-get update -qq
  find_missing # with the lists of packages at hand
fi
case " $missing " in
  *' nodejs '*)
    offered=$(apt_version nodejs)
    at_least "$offered" "$NODE_FLOOR" || refuse \
      "octet needs Node.js $NODE_FLOOR or later; found $(node_version), and apt offers $offered." \
      "${as_root}apt-get install -y curl && curl -fsSL https://deb.nodesource.com/setup_22.x | ${as_root}bash - && ${as_root}apt-get install -y nodejs"
    ;;
esac
if [ -n "$missing" ]; then
  can_install || refuse \
    "octet needs packages that are missing, and this user may not install them." \
    "${as_root}apt-get update && ${as_root}apt-get install -y --no-install-recommends $missing"
  # shellcheck disable=SC2086 # a list of words
  ${as_root}env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
fi

node scripts/packages-installed.js || npm ci --no-audit --no-fund

install_debugger
if [ "${1-}" = --peers ]; then install_peers; fi
