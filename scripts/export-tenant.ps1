# SPDX-License-Identifier: Apache-2.0
<#
.SYNOPSIS
Writes what `weir import FOLDER` reads of a Power Platform tenant: data policies, their connector
configurations and URL patterns, environments, tenant isolation, IP firewalls.

.DESCRIPTION
Reads only: Get- cmdlets and GET requests.  Nothing of the tenant is changed, and no token or
password is written.  Needs a Power Platform administrator who has signed in before:

    Install-Module Microsoft.PowerApps.Administration.PowerShell
    Add-PowerAppsAccount

and for IP firewalls also Az.Accounts and Connect-AzAccount, with a user of each environment who
may read its organization; without them write -SkipIpFirewall.

.PARAMETER TenantId
GUID of the tenant.

.PARAMETER Folder
Where to; made anew, so that what is in it is one state of the tenant.

.EXAMPLE
./export-tenant.ps1 -TenantId 00000000-0000-0000-0000-000000000000 -Folder ./exports
#>
param(
    [Parameter(Mandatory = $true)][guid] $TenantId,
    [Parameter(Mandatory = $true)][string] $Folder,
    [switch] $SkipIpFirewall
)

$ErrorActionPreference = 'Stop'

# The session's own folder, which .NET does not know of.
$target = $ExecutionContext.SessionState.Path.GetUnresolvedProviderPathFromPSPath($Folder)
if ([System.IO.Directory]::Exists($target) -or [System.IO.File]::Exists($target)) {
    throw "$target is there already: name a folder that is not"
}
[void] [System.IO.Directory]::CreateDirectory($target)

# UTF-8 without a mark; of Windows PowerShell, '>' would be UTF-16.
function Save([string] $name, $value) {
    $text = ConvertTo-Json -InputObject $value -Depth 20
    $path = [System.IO.Path]::Combine($target, $name)
    [System.IO.File]::WriteAllText($path, $text + "`n", [System.Text.UTF8Encoding]::new($false))
    Write-Output "written  $path"
}

# Cmdlets of the module give errors as objects, too.
function HasOne($value, [string[]] $names) {
    foreach ($name in $names) {
        if ($null -ne $value -and $null -ne $value.PSObject.Properties[$name]) {
            return $true
        }
    }
    return $false
}

$answer = Get-DlpPolicy
if (-not (HasOne $answer @('value'))) {
    throw 'Get-DlpPolicy gave no list of policies: is the user a Power Platform administrator?'
}
Save 'policies.json' $answer

foreach ($policy in $answer.value) {
    $id = ([guid] $policy.name).ToString()
    $lists = Get-PowerAppDlpPolicyConnectorConfigurations -TenantId $TenantId -PolicyName $id
    if (HasOne $lists @('endpointConfigurations', 'connectorActionConfigurations')) {
        Save "configurations-$id.json" $lists
    }
    $patterns = Get-PowerAppPolicyUrlPatterns -TenantId $TenantId -PolicyName $id
    if (HasOne $patterns @('rules')) {
        Save "patterns-$id.json" $patterns
    }
}

$environments = @(Get-AdminPowerAppEnvironment)
if ($environments.Count -gt 0) {
    Save 'environments.json' $environments
}

$isolation = Get-PowerAppTenantIsolationPolicy -TenantId $TenantId
if (HasOne $isolation @('properties')) {
    Save 'isolation.json' $isolation
}

if ($SkipIpFirewall) {
    Write-Warning 'no IP firewalls: -SkipIpFirewall'
    return
}
$columns = @('enableipbasedfirewallrule', 'allowediprangeforfirewall',
    'enableipbasedfirewallruleinauditmode', 'allowedservicetagsforfirewall',
    'allowapplicationuseraccess', 'allowmicrosofttrustedservicetags')
$firewalls = @(foreach ($environment in $environments) {
    $id = $environment.EnvironmentName
    $linked = $environment.Internal.properties.linkedEnvironmentMetadata
    if ($null -eq $linked -or [string]::IsNullOrEmpty($linked.instanceApiUrl)) {
        continue    # it has no Dataverse
    }
    $url = ([string] $linked.instanceApiUrl).TrimEnd('/')
    try {
        $token = (Get-AzAccessToken -ResourceUrl $url -TenantId $TenantId).Token
        # A string, or a secure one since Az.Accounts 4.
        $bearer = [System.Net.NetworkCredential]::new('', $token).Password
        $query = $url + '/api/data/v9.2/organizations?$select=' + ($columns -join ',')
        $rows = Invoke-RestMethod -Method Get -Uri $query -Headers @{ Authorization = "Bearer $bearer" }
    }
    catch {
        Write-Warning "no IP firewall of $id ($url): $($_.Exception.Message)"
        continue
    }
    foreach ($row in @($rows.value)) {
        if ($null -eq $row.enableipbasedfirewallrule) {
            continue    # an organization that knows no IP firewall
        }
        $settings = [ordered] @{ environmentid = $id }
        foreach ($column in $columns) {
            $settings[$column] = $row.$column
        }
        $settings
    }
})
if ($firewalls.Count -gt 0) {
    Save 'ip-firewalls.json' $firewalls
}
