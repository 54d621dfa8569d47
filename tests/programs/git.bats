#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 120
#
# git: a repository is made, filled, cloned, packed and checked in a box.
load '../helpers'
load 'programs'

git_in() { # FOLDER: every step a real repository sees
	cat <<-'EOF'
		set -e
		export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
		export GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z'
		git init -q -b main repo; cd repo
		for i in $(seq 100); do echo "line $i" >file$i; done
		ln -s file1 link; chmod 755 file2; git add .; git commit -q -m first
		git checkout -q -b side; git mv file3 moved; echo more >>file4; git commit -q -a -m second
		git checkout -q main; echo other >>file5; git commit -q -a -m third
		git merge -q -m merged side; git tag -a -m tagged v1
		git gc -q; git fsck --strict --no-progress; cd ..
		git clone -q repo copy; git clone -q --bare repo bare; cd copy
		git stash list; echo x >>file6; git stash -q; git stash pop -q; git diff --stat
		git push -q ../bare HEAD:refs/heads/new
		git worktree add -q ../tree v1 2>/dev/null; git rebase -q HEAD~1 --autostash 2>/dev/null
		git -C ../bare rev-parse main new; git log --format='%H %s'; git status --short
	EOF
}

@test "git's hashes and words are the same in a box as outside" {
	need_command git
	mkdir outside inside
	(cd outside && outside sh -c "$(git_in)") >outside.said
	cd inside
	box -- sh -c "$(git_in)"
	succeeds
	diff ../outside.said - <<<"$output"
	[ -z "$(ls -A)" ]
}

@test "a repository outside is read, cloned and changed in a box, and stays as it was" {
	need_command git
	outside sh -c "$(git_in)" >/dev/null
	cd repo
	local before
	before=$(find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum)
	box -- sh -ec 'git status --short; git config user.email a@b; git config user.name a
		echo new >new; git add new; git commit -q -m "in the box"; git log --oneline | wc -l
		git clone -q . /tmp/clone; cat /tmp/clone/new; git gc -q --prune=now; git fsck --no-progress'
	succeeds
	prints $'5\nnew'
	[ "$before" = "$(find . -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum)" ]
}
