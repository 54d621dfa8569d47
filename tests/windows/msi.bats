#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# timeout: 600
#
# Packages of Windows's installer, built here by Debian's wixl.
load '../helpers'
load 'windows'

# probe.msi: a file, values of the registry (one from the command line), and what else is given.
make_package() { # [COMPONENT]
	local part=
	need_command wixl
	[ -z "${1:-}" ] || part='<ComponentRef Id="More"/>'
	echo installed >payload.txt
	cat >probe.wxs <<-EOF
		<?xml version="1.0" encoding="utf-8"?>
		<Wix xmlns="http://schemas.microsoft.com/wix/2006/wi">
		<Product Id="12345678-1234-1234-1234-123456789012" Name="Probe" Language="1033" Version="1.2.3"
			Manufacturer="Maker" UpgradeCode="22345678-1234-1234-1234-123456789012">
		<Package InstallerVersion="200" Compressed="yes"/>
		<Media Id="1" Cabinet="probe.cab" EmbedCab="yes"/>
		<Directory Id="TARGETDIR" Name="SourceDir"><Directory Id="ProgramFilesFolder">
		<Directory Id="INSTALLDIR" Name="Probe">
			<Component Id="Main" Guid="32345678-1234-1234-1234-123456789012">
				<File Id="Payload" Source="payload.txt" KeyPath="yes"/>
				<RegistryValue Root="HKLM" Key="Software\\Maker\\Probe" Name="Edition" Type="string"
					Value="[EDITION]"/>
				<RegistryValue Root="HKCU" Key="Software\\Maker\\Probe" Name="Level" Type="integer"
					Value="3"/>
			</Component>
			${1:-}
		</Directory></Directory></Directory>
		<Property Id="EDITION" Value="plain"/>
		<Feature Id="All" Level="1"><ComponentRef Id="Main"/>$part</Feature>
		</Product></Wix>
	EOF
	wixl -o probe.msi probe.wxs
}

@test "a package installs silently; diff shows its files and values, rollback takes all of it back" {
	make_package
	box -b "$BOX" -- cmd.exe /c ver
	cloche box snapshot "$BOX" before
	succeeds
	box -b "$BOX" -- probe.msi /qn 'EDITION=two words'
	succeeds
	cloche diff "$BOX"
	says 'A /wine/drive_c/Program Files (x86)/Probe/payload.txt'
	says 'A HKLM\Software\Wow6432Node\Maker\Probe : Edition = REG_SZ "two words"'
	says 'A HKCU\Software\Maker\Probe : Level = REG_DWORD 0x3'
	says 'Uninstall\{12345678-1234-1234-1234-123456789012} : DisplayName = REG_SZ "Probe"'
	box -b "$BOX" -- cmd.exe /c type 'C:\Program Files (x86)\Probe\payload.txt'
	says installed
	cloche box rollback "$BOX" before
	succeeds
	cloche diff "$BOX"
	says_not Probe
	says_not Maker
	box -b "$BOX" -- cmd.exe /c type 'C:\Program Files (x86)\Probe\payload.txt'
	says_not installed
}

@test "a package is known by what is in it, and removed again by msiexec" {
	make_package
	mkdir 'a folder'
	cp probe.msi 'a folder/'
	box -b "$BOX" -- './a folder/probe.msi' /qn
	succeeds
	cloche diff "$BOX"
	says 'Edition = REG_SZ "plain"'
	box -b "$BOX" -- msiexec.exe /x '{12345678-1234-1234-1234-123456789012}' /qn
	succeeds
	cloche diff "$BOX"
	says_not 'Probe/payload.txt'
	says_not 'Maker\Probe :'
	echo 'no database' >fake.msi
	box -- ./fake.msi /qn
	[ "$status" != 0 ] || tell "it ran"
}

@test "a package with a service installs it where there is a service manager" {
	cp "$GUEST_DIR/w_service64.exe" service.exe
	make_package '<Component Id="More" Guid="42345678-1234-1234-1234-123456789012">
		<File Id="Program" Source="service.exe" KeyPath="yes"/>
		<ServiceInstall Id="Service" Name="ProbeService" DisplayName="Probe" Type="ownProcess"
			Start="demand" ErrorControl="normal" Arguments="serve Probe"/></Component>'
	box -b "$BOX" --windows services -- probe.msi /qn
	succeeds
	cloche diff "$BOX"
	says 'A HKLM\System\CurrentControlSet\Services\ProbeService'
	box -b "$BOX" --windows services -- sc.exe start ProbeService
	succeeds
	nothing_runs 'service.exe serve Probe'
}
